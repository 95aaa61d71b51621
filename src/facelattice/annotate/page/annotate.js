/**
 * The page of `facelattice annotate`: the image with its faces, the tools, and what happens after each change.
 *
 * The server computes suggestions and keeps the table. `image` is the image that is shown:
 *   {index, version, done, annotated, faces, width, height, element, history}
 */

import { get, send } from "./api.js";
import { copyFace, emptyFace, firstMissing, makeFace, numKnown, transformed } from "./faces.js";
import { BoxTool, FaceTool, PlaceTool } from "./face_tools.js";
import { ImageList } from "./image_list.js";
import { Magnifier } from "./magnifier.js";
import { Panel } from "./panel.js";
import { Saver } from "./saving.js";
import { SchemeDialog } from "./scheme.js";
import { describeTraining, TrainingDialog } from "./training.js";
import { ImageView } from "./shared/canvas.js";
import { $, createElement } from "./shared/dom.js";
import { drawFaces, faceBox } from "./shared/drawing.js";
import { PointEditor } from "./shared/editing.js";
import { History } from "./shared/state.js";
import { bindKeys, makeChoice, makeMenu, makeToolbar } from "./shared/tools.js";
import { Tooltip } from "./shared/tooltip.js";

const POLL_INTERVAL = 3000; // milliseconds
const MIN_POINTS = 2; // of a face

let project = null;
let image = null;
let loading = 0; // counts the images that were asked for; only the last one is shown
let current = 0; // index of the face that whole-face tools and the panel refer to
let tool = "points";
let isPressed = false; // while a tool of the mouse is in use
let before = null; // the faces before a drag in progress that is not the editor's
let copied = null; // the faces of the image before
const opened = new Map(); // images with unsaved changes or a history, by index

const view = new ImageView($("view"));
const tooltip = new Tooltip($("tip"));
const magnifier = new Magnifier(view);
const faces = () => image?.faces ?? [];
const currentFace = () => faces()[current];
const names = () => project?.scheme.names ?? [];

// ---- images ---------------------------------------------------------------------------------------------------------

async function openImage(index) {
  const number = ++loading;
  tooltip.hide();
  if (image?.faces.length && image.index !== index) copied = image.faces.map(copyFace);
  if (image?.index !== index) showMessage(`Opening ${project.images[index].name}.`);
  try {
    const [data, element] = await Promise.all([get(`api/images/${index}`), loadElement(index)]);
    if (number !== loading) return;
    const known = opened.get(index);
    const isCurrent = known && (saver.isBusy(known) || known.version === data.version);
    image = isCurrent && (known.annotated || saver.isBusy(known)) ? known : makeImage(index, data);
    image.element = element;
    view.show(element, { width: data.width, height: data.height });
    showMessage(describeImage());
  } catch (error) {
    if (number !== loading) return;
    image = null;
    view.show(null);
    showMessage(error.message, true);
  }
  current = 0;
  editor.selected = null;
  history.replaceState(null, "", `#${index}`);
  list.mark(index);
  update();
}

function makeImage(index, data) {
  const made = { index, ...data, faces: data.faces.map(makeFace) };
  made.history = new History(() => made === image && updateButtons());
  opened.set(index, made);
  return made;
}

async function loadElement(index) {
  const element = new Image();
  element.src = `api/images/${index}/image`;
  try {
    await element.decode();
  } catch {
    throw new Error("This image cannot be read.");
  }
  return element;
}

function describeImage() {
  const { name } = project.images[image.index];
  const count = image.faces.length === 1 ? "one face" : `${image.faces.length} faces`;
  const origin = image.annotated ? "" : project.model ? `, suggested by ${project.model}` : image.faces.length ? ", suggested: the mean shape" : "";
  const hint = image.faces.length ? "" : ". Draw a box around the points of a face (B), or click them in their order (A)";
  return `${name}: ${count}${origin}${image.done ? ", done" : ""}${hint}.`;
}

// ---- changes --------------------------------------------------------------------------------------------------------

const snapshot = () => ({ done: image.done, faces: image.faces.map(copyFace) });

function restore(target, { done, faces: copies }) {
  target.done = done;
  target.faces = copies.map(copyFace);
  saver.save(target);
  if (target !== image) return;
  if (!image.faces[editor.selected?.face]?.points[editor.selected?.point]) editor.selected = null;
  current = Math.max(0, Math.min(current, image.faces.length - 1));
  update();
}

// Saves a change that has been made, and records how to undo it.
function record(label, earlier, key = null) {
  const [target, later] = [image, snapshot()];
  target.history.record({ label, key, apply: () => restore(target, later), revert: () => restore(target, earlier) });
  saver.save(target);
  update();
}

function edit(label, change, key = null) {
  if (!image) return;
  const earlier = snapshot();
  change();
  record(label, earlier, key);
}

function changePoints(f, points) {
  faces()[f].points = points;
  view.requestDraw();
}

function addFace(face, label) {
  edit(label, () => image.faces.push(face));
  current = image.faces.length - 1;
  selectPoint(null);
}

async function suggestInBox(box) {
  const target = image;
  try {
    const face = await send("POST", `api/images/${image.index}/face`, { box });
    if (image !== target) return;
    addFace(makeFace(face), "Add face");
    chooseTool("points");
    showMessage("Face added. Drag its points to their places.");
  } catch (error) {
    showMessage(error.message, true);
  }
}

// Sets a point where the pointer is: the selected one if it is absent, else the first absent one. If the face has all
// points, the first point of a new face.
function placePoint(position) {
  if (!before) {
    before = snapshot();
    if (!currentFace() || firstMissing(currentFace()) < 0) {
      image.faces.push(emptyFace(names().length));
      current = image.faces.length - 1;
    }
    const { face, point } = editor.selected ?? {};
    const isWanted = face === current && !currentFace().points[point];
    editor.selected = { face: current, point: isWanted ? point : firstMissing(currentFace()) };
  }
  changePoints(current, currentFace().points.map((old, i) => (i === editor.selected.point ? position : old)));
  return true;
}

function endPlacing(position) {
  const earlier = before;
  before = null;
  if (!earlier) return;
  if (!position) {
    image.faces = earlier.faces;
    editor.selected = null;
    update();
    return;
  }
  const { point } = editor.selected;
  record(`Place point ${point}`, earlier);
  const next = firstMissing(currentFace());
  editor.selected = { face: current, point: next < 0 ? point : next };
  showMessage(next < 0 ? "All points are placed. Press D when the image is done." : `Next: ${next} ${names()[next]}. Click its place, or press X if the face does not have it.`);
  update();
}

function toggleHidden() {
  const { face, point } = editor.selected ?? {};
  if (!faces()[face]?.points[point]) return;
  edit(`Point ${point} hidden or visible`, () => (faces()[face].hidden[point] = !faces()[face].hidden[point]));
  announcePoint();
}

async function toggleAbsent() {
  if (!editor.selected) return;
  const { face: f, point } = editor.selected;
  const face = faces()[f];
  if (face.points[point]) {
    if (numKnown(face) <= MIN_POINTS) return showMessage(`A face needs ${MIN_POINTS} points. Remove the face instead.`, true);
    edit(`Point ${point} absent`, () => {
      face.points[point] = null;
      face.hidden[point] = false;
    });
  } else if (tool === "place") {
    const next = face.points.findIndex((other, i) => !other && i > point);
    editor.selected = { face: f, point: next < 0 ? point : next };
    update();
  } else {
    const [x0, y0, x1, y1] = faceBox(face);
    edit(`Point ${point} present`, () => (face.points[point] = [(x0 + x1) / 2, (y0 + y1) / 2]));
  }
  announcePoint();
}

function removeFace() {
  if (!currentFace()) return;
  edit(`Remove face ${current + 1}`, () => image.faces.splice(current, 1));
  current = Math.max(0, current - 1);
  selectPoint(null);
}

function copyPrevious() {
  if (!image || !copied) return;
  edit("Copy the faces of the image before", () => (image.faces = copied.map(copyFace)));
  current = 0;
  selectPoint(null);
}

function transformFace(change, label) {
  const face = currentFace();
  if (!face) return;
  const [x0, y0, x1, y1] = faceBox(face);
  edit(label, () => changePoints(current, transformed(face.points, change, [(x0 + x1) / 2, (y0 + y1) / 2])), `${label} ${current}`);
}

async function markDone() {
  if (!image) return;
  if (image.faces.some((face) => numKnown(face) < MIN_POINTS)) return showMessage("A face has too few points. Place them, or remove the face.", true);
  if (!image.done) edit("Done", () => (image.done = true)); // done already: the key was pressed again while the next image is loaded
  project.images[image.index].done = true;
  const next = list.nextToDo(image.index);
  if (next === null || next === image.index) showMessage("All images are done.");
  else await openImage(next);
}

function undo() {
  const command = image?.history.undo();
  if (command) showMessage(`Undone: ${command.label}.`);
}

function redo() {
  const command = image?.history.redo();
  if (command) showMessage(`Redone: ${command.label}.`);
}

// ---- tools ----------------------------------------------------------------------------------------------------------

const editor = new PointEditor(view, {
  faces,
  onselect: (selected) => {
    if (selected) current = selected.face;
    announcePoint();
    update();
  },
  onhover: (found) => {
    if (found) tooltip.show(`${found.point} ${names()[found.point]}`, view.toScreen(faces()[found.face].points[found.point]));
    else tooltip.hide();
  },
  onchange: ({ face, before: points, label, key }) => {
    const later = face.points;
    face.points = points;
    const earlier = snapshot();
    face.points = later;
    record(label, earlier, key);
  },
});

const TOOLS = {
  points: editor,
  box: new BoxTool(view, suggestInBox),
  place: new PlaceTool(view, { place: placePoint, end: endPlacing }),
  face: new FaceTool(view, {
    faces,
    current: () => current,
    choose: (f) => {
      current = f;
      selectPoint(null);
    },
    change: changePoints,
    end: (f, points, label) => {
      const later = faces()[f].points;
      faces()[f].points = points;
      const earlier = snapshot();
      faces()[f].points = later;
      record(label, earlier);
    },
  }),
};

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

view.tool = {
  down(position, event) {
    tooltip.hide();
    isPressed = Boolean(image && TOOLS[tool].down(position, event));
    return isPressed;
  },
  move: (position, event) => TOOLS[tool].move(position, event),
  up(position, event) {
    isPressed = false;
    TOOLS[tool].up(position, event);
    view.requestDraw();
  },
  cancel() {
    isPressed = false;
    TOOLS[tool].cancel();
  },
  hover: (position, event) => editor.hover(position, event),
  leave: () => editor.leave(),
  doubleClick: () => currentFace() && view.fitBox(faceBox(currentFace())),
  key(event) {
    const arrow = ARROWS[event.key];
    if (tool === "face" && arrow) {
      const step = event.shiftKey ? 10 : 1;
      transformFace({ move: arrow.map((value) => value * step) }, "Move face");
      return true;
    }
    return TOOLS[tool].key?.(event) || editor.key(event);
  },
};

view.layers = [
  (context) => drawFaces(context, view, faces(), { lines: project?.scheme.lines ?? [], numbers: true, selected: editor.selected, labels: false }),
  (context) => TOOLS[tool].layer?.(context),
  (context) => {
    const { face, point } = editor.selected ?? {};
    const position = faces()[face]?.points[point];
    if (!position || !(isPressed || isNudging) || tool === "face") return;
    magnifier.layer(context, { image: image.element, imageScale: image.element.naturalWidth / image.width, position, face: faces()[face] });
  },
];

let isNudging = false; // an arrow key is down
$("view").addEventListener("keydown", (event) => {
  isNudging = event.key in ARROWS;
});
$("view").addEventListener("keyup", () => {
  isNudging = false;
  view.requestDraw();
});

const HINTS = {
  points: "",
  face: "Drag the frame to move all points, a corner to scale, the handle outside to turn.",
  box: "Draw a box around the points of a face. Enter puts one into the middle of the view.",
  place: "Click the points in their order.",
};

const chooseTool = makeChoice(document.querySelectorAll("[data-tool]"), (chosen) => {
  tool = chosen;
  $("view").dataset.tool = chosen;
  tooltip.hide();
  if (HINTS[chosen]) showMessage(HINTS[chosen]);
  view.requestDraw();
});

function selectPoint(point) {
  editor.select(point === null ? null : { face: current, point });
}

function announcePoint() {
  const { face, point } = editor.selected ?? {};
  if (point === undefined) return;
  const position = faces()[face]?.points[point];
  const state = !position ? ", absent" : faces()[face].hidden[point] ? ", hidden" : "";
  showMessage(`${point} ${names()[point]}${state}`);
}

// ---- the page -------------------------------------------------------------------------------------------------------

function showMessage(text, isError = false) {
  if ($("message").textContent !== text) $("message").textContent = text; // screen readers read it each time it is set
  $("message").classList.toggle("wrong", isError);
}

function update() {
  panel.show(faces(), current, editor.selected?.face === current ? editor.selected.point : null, names());
  updateButtons();
  view.requestDraw();
}

function updateButtons() {
  const { face, point } = editor.selected ?? {};
  const selected = point === undefined ? null : faces()[face];
  $("undo").disabled = !image?.history.undoLabel;
  $("redo").disabled = !image?.history.redoLabel;
  $("copy").disabled = !image || !copied;
  $("hidden").disabled = !selected?.points[point];
  $("hidden").setAttribute("aria-pressed", String(Boolean(selected?.hidden[point])));
  $("absent").disabled = !selected;
  $("absent").setAttribute("aria-pressed", String(Boolean(selected) && !selected.points[point]));
  $("remove").disabled = !currentFace();
  $("done").disabled = !image;
  $("reopen").hidden = !image?.done;
}

function showProject(description) {
  const isNewModel = project && project.suggestions !== description.suggestions;
  project = description;
  const done = project.images.filter((entry) => entry.done).length;
  $("progress").textContent = `${done} of ${project.images.length} done`;
  document.title = `${done}/${project.images.length} ${project.table}`;
  list.show(project);
  const version = image && project.images[image.index].version;
  if (!image || saver.isBusy(image)) return;
  if (version !== image.version || (isNewModel && !image.annotated)) openAgain(version !== image.version);
  update();
}

async function openAgain(isForeign) {
  opened.delete(image.index);
  await openImage(image.index);
  if (isForeign) showMessage("This image was changed in another window. This is its present state.");
}

async function poll() {
  const numSaved = saver.numSaved;
  try {
    const description = await get("api/project");
    if (numSaved === saver.numSaved && !isPressed) showProject(description); // else it may be older than the page
  } catch (error) {
    showMessage(error.message, true);
  }
}

const saver = new Saver({
  onsaved: (saved) => {
    Object.assign(project.images[saved.index], { version: saved.version, done: saved.done, faces: saved.faces.length });
    showProject(project);
  },
  onconflict: async (rejected) => {
    opened.delete(rejected.index);
    if (rejected !== image) return;
    await openImage(rejected.index);
    showMessage("Not saved: this image was changed in another window meanwhile. This is its present state.", true);
  },
  onerror: (failed, error) => showMessage(`Not saved: ${error.message}`, true),
  onstate: (text) => {
    $("saved").textContent = text;
    $("saved").classList.toggle("wrong", text === "Not saved");
  },
});

const list = new ImageList($("images"), openImage);
const panel = new Panel({
  onface: (f) => {
    current = f;
    selectPoint(null);
    if (currentFace()) view.fitBox(faceBox(currentFace()));
    update();
  },
  onpoint: (point) => {
    selectPoint(point);
    const position = currentFace().points[point];
    if (position) view.reveal(position);
  },
});
const scheme = new SchemeDialog((changed) => {
  project.scheme = changed;
  showMessage("The points are saved.");
  update();
});
let trainingState = "";
const training = new TrainingDialog({
  onchange: (status) => {
    $("open-training").textContent = status.state === "training" ? `Train: ${status.val_nme.length} of ${status.epochs}` : "Train";
    if (trainingState && status.state !== trainingState) {
      showMessage(describeTraining(status), status.state === "failed");
      poll();
    }
    trainingState = status.state;
  },
  onerror: (error) => showMessage(error.message, true),
});

async function exportFaces(format) {
  try {
    const files = await send("POST", "api/export", { format });
    const text = files.length > 1 ? `${files.length} files, the first is ${files[0]}` : files[0] ?? "nothing: no image is done";
    showMessage(`Written: ${text}. The table ${project.table} always holds all changes.`);
  } catch (error) {
    showMessage(error.message, true);
  }
}

const goTo = (step) => image && openImage(list.neighbor(image.index, step));
const KEYS = [
  ["V, F, B, A", "Tool: points, whole face, new face, place"],
  ["N, P", "Next and previous point"],
  ["Arrows, Shift + arrows", "Move the selected point, or the whole face, by 1 or 10 pixels"],
  ["H, X", "Point hidden, point absent"],
  ["Q, E", "Turn the face by one degree"],
  [", .", "Scale the face by 1 %"],
  ["C", "Copy the faces of the image before"],
  ["Delete", "Remove the face"],
  ["Ctrl + Z, Ctrl + Shift + Z", "Undo, redo"],
  ["D", "Done, and to the next image"],
  ["J, K or Page down, Page up", "Next and previous image"],
  ["+ - 0, mouse wheel", "Zoom; the whole image. Double click: the face"],
  ["Escape", "End the selection"],
];

bindKeys({
  v: () => chooseTool("points"), f: () => chooseTool("face"), b: () => chooseTool("box"), a: () => chooseTool("place"),
  h: toggleHidden, x: toggleAbsent, c: copyPrevious, delete: removeFace, d: markDone,
  q: () => transformFace({ turn: -1 }, "Turn face"), e: () => transformFace({ turn: 1 }, "Turn face"),
  ",": () => transformFace({ scale: 1 / 1.01 }, "Scale face"), ".": () => transformFace({ scale: 1.01 }, "Scale face"),
  "ctrl+z": undo, "ctrl+shift+z": redo, "ctrl+y": redo,
  j: () => goTo(1), k: () => goTo(-1), pagedown: () => goTo(1), pageup: () => goTo(-1),
});

$("undo").onclick = undo;
$("redo").onclick = redo;
$("copy").onclick = copyPrevious;
$("hidden").onclick = toggleHidden;
$("absent").onclick = toggleAbsent;
$("remove").onclick = removeFace;
$("done").onclick = markDone;
$("reopen").onclick = () => edit("Not done", () => (image.done = false));
$("previous").onclick = () => goTo(-1);
$("next").onclick = () => goTo(1);
$("zoom-in").onclick = () => view.zoom(1.25);
$("zoom-out").onclick = () => view.zoom(0.8);
$("fit").onclick = () => view.fit();
$("open-points").onclick = () => scheme.open(project.scheme);
$("open-training").onclick = () => training.open();
$("open-help").onclick = () => $("help").showModal();
$("keys").append(...KEYS.map(([keys, text]) => createElement("div", {}, createElement("dt", {}, keys), createElement("dd", {}, text))));
for (const button of document.querySelectorAll("[data-close]")) button.onclick = () => button.closest("dialog").close();
for (const button of document.querySelectorAll("[data-format]")) button.onclick = () => exportFaces(button.dataset.format);
makeToolbar($("toolbar"));
makeMenu($("export"), $("formats"));

async function start() {
  await poll();
  if (!project) return;
  training.refresh();
  const wanted = Number(location.hash.slice(1) || NaN);
  await openImage(project.images[wanted] ? wanted : project.order[0]);
  setInterval(poll, POLL_INTERVAL);
}

start();
