/**
 * The buttons of the camera: on and off, front and back, freeze, record.
 *
 *   keepFrame()            adds the shown frame of the camera or of a video to the images, with its faces
 */

import { Camera } from "./camera.js";
import { $, createCanvas, fileStem, toBlob } from "./dom.js";
import { addItem, openFiles } from "./items.js";
import { Photo } from "./photo.js";
import { editor } from "./pointing.js";
import { describeThumbnail } from "./results.js";
import { player, queue, setCameraFrame, settings, showError, shown, shownChanged, shownFaces, state, tooltip, update, view } from "./session.js";

let facing = "user";
let numKept = 0;

const camera = new Camera({
  settings: () => ({ ...settings(), edges: state.tool === "neighbors" }),
  onframe(frame) {
    const isFirst = shown()?.kind !== "camera";
    if (isFirst) queue.select(null);
    setCameraFrame({ kind: "camera", name: "camera", width: frame.image.width, height: frame.image.height, ...frame });
    $("empty").hidden = true;
    view.mirrored = camera.isMirrored;
    view.show(frame.image, { keepView: !isFirst });
    if (editor.selected && !shownFaces()[editor.selected.face]) editor.select(null);
    update();
  },
  onproblem: showError,
  onstop() {
    for (const id of ["camera", "record"]) $(id).setAttribute("aria-pressed", "false");
    $("camera-bar").hidden = true;
    tooltip.hide();
    if (camera.isRecording) camera.stopRecording().then((file) => openFiles([file]));
  },
});

async function start() {
  $("camera").setAttribute("aria-pressed", "true");
  try {
    await camera.start(facing);
    $("camera-bar").hidden = !camera.isOn;
    $("switch-camera").hidden = !camera.canSwitch;
  } catch (error) {
    showError(error);
  }
}

function stop() {
  camera.stop();
  setCameraFrame(null);
  queue.select(queue.items.at(-1) ?? null);
}

shownChanged.subscribe(() => queue.current && camera.isOn && camera.stop());

export async function keepFrame() {
  const item = shown();
  const [faces, times] = [structuredClone(shownFaces()), item.times];
  const canvas = createCanvas(item.width, item.height);
  canvas.getContext("2d").drawImage(item.kind === "camera" ? item.image : item.video, 0, 0, item.width, item.height);
  const name = `${fileStem(item.name)} frame ${++numKept}.png`;
  const photo = await Photo.open(new File([await toBlob(canvas, "image/png")], name, { type: "image/png" }), name);
  photo.results.set(photo.key(settings()), { model: state.model, faces, times });
  addItem(photo);
  describeThumbnail(photo);
}

function toggleRecording() {
  if (camera.isRecording) {
    stop();
    return;
  }
  camera.startRecording();
  $("record").setAttribute("aria-pressed", "true");
}

$("camera").onclick = () => (camera.isOn ? stop() : start());
$("freeze").onclick = () => keepFrame().catch(showError);
$("keep-frame").onclick = () => keepFrame().catch(showError);
$("record").onclick = toggleRecording;
$("switch-camera").onclick = () => {
  facing = facing === "user" ? "environment" : "user";
  $("switch-camera").textContent = facing === "user" ? "Back camera" : "Front camera";
  start();
};

player.onframe = (clip) => {
  if (editor.selected && !shownFaces()[editor.selected.face]) editor.select(null);
  if (clip.video.paused || !clip.canPlay) update();
  else view.requestDraw(); // the panel follows when the video pauses
};
