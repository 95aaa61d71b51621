/** The page of `facelattice annotate`: starts its parts, and connects the panel, buttons, dialogs and keys. */

import { copyPrevious, markDone, removeFace, reopen, toggleAbsent, toggleHidden, transformFace } from "./actions.js";
import { send } from "./api.js";
import { redo, undo } from "./changes.js";
import { goTo, openImage, poll } from "./opening.js";
import { Panel } from "./panel.js";
import { chooseTool } from "./pointing.js";
import { SchemeDialog } from "./scheme.js";
import { currentFace, editor, faces, names, selectPoint, showMessage, state, update, updated, view } from "./session.js";
import { $, createElement } from "./shared/dom.js";
import { faceBox } from "./shared/drawing.js";
import { bindKeys, makeMenu, makeToolbar } from "./shared/tools.js";
import { describeTraining, TrainingDialog } from "./training.js";

const POLL_INTERVAL = 3000; // milliseconds

// ---- panel and buttons ----------------------------------------------------------------------------------------------

const panel = new Panel({
  onface: (f) => {
    state.current = f;
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

updated.subscribe(() => {
  panel.show(faces(), state.current, editor.selected?.face === state.current ? editor.selected.point : null, names());
  updateButtons();
  view.requestDraw();
});

function updateButtons() {
  const { image } = state;
  const { face, point } = editor.selected ?? {};
  const selected = point === undefined ? null : faces()[face];
  $("undo").disabled = !image?.history.undoLabel;
  $("redo").disabled = !image?.history.redoLabel;
  $("copy").disabled = !image || !state.copied;
  $("hidden").disabled = !selected?.points[point];
  $("hidden").setAttribute("aria-pressed", String(Boolean(selected?.hidden[point])));
  $("absent").disabled = !selected;
  $("absent").setAttribute("aria-pressed", String(Boolean(selected) && !selected.points[point]));
  $("remove").disabled = !currentFace();
  $("done").disabled = !image;
  $("reopen").hidden = !image?.done;
}

// ---- dialogs and export ---------------------------------------------------------------------------------------------

const scheme = new SchemeDialog((changed) => {
  state.project.scheme = changed;
  showMessage("The points are saved.");
  update();
});
let trainingState = "";
const training = new TrainingDialog({
  onchange: (status) => {
    $("open-training").textContent = status.state === "training" ? `Train: ${status.val_nme.length} of ${status.epochs}` : "Train";
    if (trainingState && status.state !== trainingState && status.state !== "training") {
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
    showMessage(`Written: ${text}. The table ${state.project.table} always holds all changes.`);
  } catch (error) {
    showMessage(error.message, true);
  }
}

// ---- keys -----------------------------------------------------------------------------------------------------------

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
$("reopen").onclick = reopen;
$("previous").onclick = () => goTo(-1);
$("next").onclick = () => goTo(1);
$("zoom-in").onclick = () => view.zoom(1.25);
$("zoom-out").onclick = () => view.zoom(0.8);
$("fit").onclick = () => view.fit();
$("open-points").onclick = () => scheme.open(state.project.scheme);
$("open-training").onclick = () => training.open();
$("open-help").onclick = () => $("help").showModal();
$("keys").append(...KEYS.map(([keys, text]) => createElement("div", {}, createElement("dt", {}, keys), createElement("dd", {}, text))));
for (const button of document.querySelectorAll("[data-close]")) button.onclick = () => button.closest("dialog").close();
for (const button of document.querySelectorAll("[data-format]")) button.onclick = () => exportFaces(button.dataset.format);
makeToolbar($("toolbar"));
makeMenu($("export"), $("formats"));

async function start() {
  await poll();
  const { project } = state;
  if (!project) return;
  training.refresh();
  const wanted = Number(location.hash.slice(1) || NaN);
  await openImage(project.images[wanted] ? wanted : project.order[0]);
  setInterval(poll, POLL_INTERVAL);
}

start();
