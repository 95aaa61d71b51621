/**
 * What the page shows, and the objects that its parts share: settings, history, view, queue and player.
 *
 * What is shown is one of `queue.items` (a Photo or a Clip), or a frame of the camera: {kind: "camera", name, width,
 * height, image, faces, times, frameRate}. Faces are in pixels of the file.
 *
 *   shown(), shownFaces(), comparedFaces(), isShown(face, i), resultOf(item, model)
 *   shownChanged.subscribe(() => ...)         another item is shown
 *   updated.subscribe(() => ...)              faces, settings or progress have changed; update() calls it
 */

import { ImageView } from "./canvas.js";
import { $ } from "./dom.js";
import { faceSize } from "./drawing.js";
import { Player } from "./player.js";
import { Queue } from "./queue.js";
import { request } from "./server.js";
import { History, createSignal, createStore } from "./state.js";
import { Tooltip } from "./tooltip.js";

export const store = createStore({ tool: "inspect", numbers: false, axes: false, limit: null, minScore: 0.18, model: "", compare: "" });
export const { state } = store;
export const history = new History();
export const view = new ImageView($("view"));
export const tooltip = new Tooltip($("tip"));
export const queue = new Queue($("queue"));
export const player = new Player();
export const shownChanged = createSignal();
export const updated = createSignal();

let models = [];
let cameraFrame = null;

export const update = () => updated.emit();

export async function loadModels() {
  models = await (await request("v1/models")).json();
  return models;
}

export const modelInfo = (name = state.model) => models.find((model) => model.name === name);

export const settings = (model = state.model) => ({ model, minScore: state.minScore });

export const photos = () => queue.items.filter(({ kind }) => kind === "image");

export const clips = () => queue.items.filter(({ kind }) => kind === "video");

export const shown = () => cameraFrame ?? queue.current;

// null: the camera is off.
export function setCameraFrame(frame) {
  cameraFrame = frame;
}

export function resultOf(item, model = state.model) {
  if (!item || item.kind === "video") return null;
  return item.kind === "camera" ? item : (item.results.get(item.key(settings(model))) ?? null);
}

export function shownFaces(model = state.model) {
  const item = shown();
  if (item?.kind === "video") return item.facesAt(player.seconds);
  return resultOf(item, model)?.faces ?? [];
}

export const isCompared = () => Boolean(state.compare) && shown()?.kind === "image";

export const comparedFaces = () => (isCompared() ? shownFaces(state.compare) : []);

export function isShown(face, i) {
  if (face.excluded) return false;
  return state.limit === null || face.expected_errors[i] / faceSize(face) <= state.limit / 100;
}

export function showMessage(text, isError = false) {
  if ($("message").textContent !== text) $("message").textContent = text; // screen readers read it each time it is set
  $("message").classList.toggle("wrong", isError);
}

export const showError = (error) => showMessage(error.message, true);
