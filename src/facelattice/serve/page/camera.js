/**
 * The camera: its frames are sent one after another as a stream, whose faces the server follows and smooths.
 *
 *   const camera = new Camera({ settings: () => ({model, minScore, edges}), onframe(frame), onproblem(error), onstop() });
 *   await camera.start("user")                       "environment" for the back camera; throws an Error for the user
 *   camera.stop()
 *   camera.isMirrored, camera.canSwitch
 *   camera.startRecording(), await camera.stopRecording()       a File; call it in onstop if camera.isRecording
 *
 * A frame is {image: canvas, faces, times, frameRate}: the picture that was sent, with its faces.
 */

import { createCanvas, toBlob } from "./dom.js";
import { request } from "./server.js";

const WIDTH = 640; // pixels, of the pictures that are sent
const QUALITY = 0.85;
const MAX_PAUSE = 8000; // milliseconds
const NUM_TIMES = 30; // frames over which the frame rate is averaged
const MESSAGES = {
  NotFoundError: "No camera was found.",
  OverconstrainedError: "No camera was found.",
  NotAllowedError: "Access to the camera was denied. Allow it for this page in the browser.",
  NotReadableError: "Another program is using the camera.",
};

export class Camera {
  isMirrored = true;
  canSwitch = false;
  #options;
  #media = null;
  #request = null; // while the browser asks the user to allow the camera
  #recorder = null;
  #chunks = [];

  constructor(options) {
    this.#options = options;
  }

  get isOn() {
    return Boolean(this.#media ?? this.#request);
  }

  async start(facing = "user") {
    this.stop();
    const thisRequest = (this.#request = {});
    let media;
    try {
      if (!navigator.mediaDevices) throw new Error("browsers allow it on 127.0.0.1 and over HTTPS only");
      media = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: WIDTH }, facingMode: facing } });
      const devices = await navigator.mediaDevices.enumerateDevices();
      this.canSwitch = devices.filter(({ kind }) => kind === "videoinput").length > 1;
    } catch (error) {
      if (this.#request === thisRequest) this.stop();
      throw new Error(MESSAGES[error.name] ?? `The camera cannot be used: ${error.message}.`);
    }
    if (this.#request !== thisRequest) {
      for (const track of media.getTracks()) track.stop(); // it was stopped meanwhile
      return;
    }
    this.#request = null;
    this.#media = media;
    this.isMirrored = media.getVideoTracks()[0].getSettings().facingMode !== "environment" && facing === "user";
    const video = document.createElement("video");
    [video.srcObject, video.playsInline, video.muted] = [media, true, true];
    await video.play();
    this.#run(media, video);
  }

  stop() {
    const wasOn = this.isOn;
    for (const track of this.#media?.getTracks() ?? []) track.stop();
    this.#media = this.#request = null;
    if (wasOn) this.#options.onstop();
  }

  get isRecording() {
    return Boolean(this.#recorder);
  }

  startRecording() {
    this.#chunks = [];
    this.#recorder = new MediaRecorder(this.#media);
    this.#recorder.ondataavailable = ({ data }) => this.#chunks.push(data);
    this.#recorder.start();
  }

  stopRecording() {
    const recorder = this.#recorder;
    this.#recorder = null;
    return new Promise((resolve) => {
      recorder.onstop = () => {
        const type = recorder.mimeType.split(";")[0] || "video/webm";
        resolve(new File(this.#chunks, `camera.${type === "video/mp4" ? "mp4" : "webm"}`, { type }));
      };
      if (recorder.state === "inactive") recorder.onstop();
      else recorder.stop();
    });
  }

  async #run(media, video) {
    const scale = Math.min(1, WIDTH / video.videoWidth);
    const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.round(side * scale));
    let pictures = [createCanvas(width, height), createCanvas(width, height)];
    let stream = null; // {name, start, settings}: another model needs a new one
    let times = [];
    let pause = 0; // milliseconds, doubled by each failure
    const isOn = () => this.#media === media;
    while (isOn()) {
      const settings = this.#options.settings();
      const options = new URLSearchParams({ model: settings.model, min_score: settings.minScore, edge_weights: settings.edges });
      if (stream?.options !== String(options)) stream = { name: crypto.randomUUID(), start: performance.now(), options: String(options) };
      const [picture] = pictures;
      const start = performance.now();
      try {
        picture.getContext("2d").drawImage(video, 0, 0, width, height);
        const body = await toBlob(picture, "image/jpeg", QUALITY);
        const encode = performance.now() - start;
        const path = `v1/align?${options}&stream=${stream.name}&time=${((start - stream.start) / 1000).toFixed(4)}`;
        const { faces, milliseconds } = await (await request(path, { method: "POST", body })).json();
        if (!isOn()) return;
        times = [...times.slice(-NUM_TIMES), performance.now()];
        const seconds = (times.at(-1) - times[0]) / 1000;
        const frameRate = seconds ? (times.length - 1) / seconds : 0;
        const total = performance.now() - start;
        this.#options.onframe({ image: picture, faces, times: { encode, ...milliseconds, total }, frameRate });
        pictures = pictures.toReversed(); // the shown picture stays as it is while the next one is sent
        pause = 0;
      } catch (error) {
        if (!isOn()) return;
        this.#options.onproblem(error);
        pause = Math.min(MAX_PAUSE, 2 * pause || 500);
        stream = null;
      }
      await new Promise((resolve) => (pause ? setTimeout(resolve, pause) : requestAnimationFrame(resolve)));
    }
  }
}
