/**
 * An opened video: it is uploaded, and the server follows its faces and sends them frame by frame.
 *
 *   const clip = await Clip.open(file, "clip.mp4")
 *   await clip.follow({ model, minScore }, () => ...)        the function is called when new frames have arrived
 *   clip.facesAt(seconds)                                     the faces of the frame at a time
 *   clip.frames                                               [{frame, time, faces}], as far as they have arrived
 *   clip.tracks                                               Map of the number of a track to [{start, end}] in seconds
 *   clip.video                                                the element that plays; clip.canPlay: false if it cannot
 *   clip.isFollowing, clip.isOf({ model, minScore })          whether it is being followed, and with these settings
 *   clip.stop()                                               ends the upload and pauses; follow() starts again
 */

import { createCanvas, createElement } from "./dom.js";
import { request } from "./server.js";

const THUMBNAIL_SIDE = 128;
const BUSY_PAUSE = 1000; // milliseconds until a server that follows other videos is asked again
const MAX_GAP = 0.5; // seconds; a longer absence of a face divides its bar

export class Clip {
  kind = "video";
  badge = "▶";
  tone = null;
  note = "video";
  problem = "";
  frames = [];
  tracks = new Map();
  numFrames = 0;
  rate = 25;
  canPlay = true;
  isComplete = false;
  #file;
  #key = "";
  #abort = null;

  static async open(file, name) {
    const clip = new Clip(file, name);
    const loaded = new Promise((resolve) => {
      clip.video.onloadeddata = () => resolve(true);
      clip.video.onerror = () => resolve(false);
    });
    clip.video.src = URL.createObjectURL(file);
    clip.canPlay = await loaded;
    clip.video.onloadeddata = clip.video.onerror = null;
    [clip.width, clip.height] = clip.canPlay ? [clip.video.videoWidth, clip.video.videoHeight] : [1280, 720];
    clip.#drawThumbnail();
    return clip;
  }

  constructor(file, name) {
    this.#file = file;
    this.name = name;
    this.video = createElement("video", { muted: true, playsInline: true, preload: "auto" });
    this.thumbnail = createCanvas(THUMBNAIL_SIDE, THUMBNAIL_SIDE);
  }

  get duration() {
    const end = this.frames.length ? this.frames.at(-1).time + 1 / this.rate : 0;
    return Number.isFinite(this.video.duration) ? this.video.duration : end;
  }

  get isFollowing() {
    return Boolean(this.#key) && !this.isComplete && !this.problem;
  }

  isOf(settings) {
    return keyOf(settings) === this.#key;
  }

  async follow({ model, minScore }, onprogress) {
    const key = keyOf({ model, minScore });
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.#key = key;
    [this.frames, this.tracks, this.isComplete, this.problem] = [[], new Map(), false, ""];
    try {
      const path = `v1/video?${new URLSearchParams({ model, min_score: minScore })}`;
      const response = await request(path, { method: "POST", body: this.#file, signal: abort.signal }, "The video");
      for await (const line of readLines(response.body)) {
        this.#add(JSON.parse(line));
        onprogress();
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error.isBusy) {
        setTimeout(() => abort.signal.aborted || this.follow({ model, minScore }, onprogress), BUSY_PAUSE);
        return;
      }
      this.problem = error.message;
      onprogress();
    }
  }

  frameAt(seconds) {
    let [low, high] = [0, this.frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle].time <= seconds + 1e-3) low = middle + 1;
      else high = middle;
    }
    return this.frames[Math.max(0, low - 1)] ?? null;
  }

  facesAt(seconds) {
    return this.frameAt(seconds)?.faces ?? [];
  }

  stop() {
    this.video.pause();
    if (this.isComplete) return;
    this.#abort?.abort();
    this.#key = "";
  }

  #add(line) {
    if (line.error) throw new Error(`The video was not followed to its end: ${line.error}.`);
    if (line.rate) [this.numFrames, this.rate] = [line.num_frames ?? 0, line.rate];
    if (line.end) this.isComplete = true;
    if (line.frame === undefined) return;
    this.frames.push(line);
    for (const { track } of line.faces) {
      const bars = this.tracks.get(track) ?? [];
      const last = bars.at(-1);
      const end = line.time + 1 / this.rate;
      if (last && line.time - last.end <= MAX_GAP) last.end = end;
      else this.tracks.set(track, [...bars, { start: line.time, end }]);
    }
  }

  #drawThumbnail() {
    const context = this.thumbnail.getContext("2d");
    context.fillStyle = "#2a2f3a";
    context.fillRect(0, 0, THUMBNAIL_SIDE, THUMBNAIL_SIDE);
    if (!this.canPlay) return;
    const scale = THUMBNAIL_SIDE / Math.min(this.width, this.height);
    const [width, height] = [this.width * scale, this.height * scale];
    context.drawImage(this.video, (THUMBNAIL_SIDE - width) / 2, (THUMBNAIL_SIDE - height) / 2, width, height);
  }
}

const keyOf = ({ model, minScore }) => `${model}|${minScore}`;

async function* readLines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield* lines.filter(Boolean);
  }
  if (rest) yield rest;
}
