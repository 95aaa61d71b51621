/**
 * The tools of the view (inspect, move, neighbors, paint), and what is done with single faces: select, hide, fit.
 *
 *   editor.selected, selectTool("move"), selectFace(f), excludeFace(f), fitNextFace(), clearPaint()
 */

import { $ } from "./dom.js";
import { faceBox, faceSize } from "./drawing.js";
import { PointEditor } from "./editing.js";
import { Brush } from "./paint.js";
import { describePoint } from "./panel.js";
import { describeThumbnail, measureAgain } from "./results.js";
import { history, isShown, modelInfo, queue, showMessage, shown, shownChanged, shownFaces, state, store, tooltip, update, view } from "./session.js";
import { makeChoice } from "./tools.js";

let nextFace = 0; // the face that fitNextFace fits

function describe({ face, point }) {
  const { points } = shownFaces()[face];
  const text = describePoint(shownFaces()[face], point, modelInfo()?.names ?? []);
  tooltip.show(text, view.toScreen(points[point]));
  return text;
}

export const editor = new PointEditor(view, {
  faces: () => shownFaces(),
  isShown,
  isEditable: () => state.tool === "move" && shown()?.kind !== "camera",
  onselect(selected) {
    tooltip.hide();
    update();
    if (selected) showMessage(describe(selected));
  },
  onhover(found) {
    if (found) describe(found);
    else tooltip.hide();
  },
  onchange({ face, before, after, label, key }) {
    const item = shown();
    const set = (points) => {
      face.points = points;
      face.box = faceBox({ points });
      measureAgain(item, face);
      showAgain(item);
    };
    history.record({ label, key, apply: () => set(after), revert: () => set(before) });
    set(after);
  },
});

// Shows the item of a change that was undone.
function showAgain(item) {
  if (shown() === item || item.kind === "camera") update();
  else queue.select(item);
}

const brush = new Brush(view, {
  photo: () => (shown()?.kind === "image" ? shown() : null),
  width: () => (shownFaces().length ? faceSize(shownFaces()[0]) / 5 : shown().width / 12),
  selected: () => shownFaces()[editor.selected?.face]?.points[editor.selected.point],
  onstroke: (photo) => changePaint(photo, "Paint", photo.strokes.slice(0, -1), photo.strokes),
});

export const clearPaint = () => changePaint(shown(), "Clear the paint", shown().strokes, []);

function changePaint(photo, label, before, after) {
  const set = (strokes) => {
    photo.strokes = strokes;
    describeThumbnail(photo);
    showAgain(photo);
  };
  history.record({ label, apply: () => set(after), revert: () => set(before) });
  set(after);
}

// Points are selected by keys with the brush as well, to be painted over.
function toolFor(name) {
  const tool = name === "paint" ? brush : editor;
  return {
    down: (position, event) => tool.down(position, event),
    move: (position) => tool.move(position),
    up: () => tool.up(),
    cancel: () => tool.cancel(),
    hover: (position, event) => name !== "paint" && editor.hover(position, event),
    leave: () => editor.leave(),
    doubleClick: fitFaceAt,
    key: (event) => (name === "paint" && brush.key(event)) || editor.key(event),
  };
}

export const selectTool = makeChoice(document.querySelectorAll("#tools [data-tool]"), (tool) => {
  tooltip.hide();
  view.canvas.dataset.tool = tool;
  view.tool = toolFor(tool);
  store.update({ tool });
});

export function selectFace(f) {
  const face = shownFaces()[f];
  if (!face || face.excluded) return;
  editor.select({ face: f, point: Math.max(0, face.points.findIndex((_, i) => isShown(face, i))) });
  view.reveal([(face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2]);
}

export function excludeFace(f) {
  const face = shownFaces()[f];
  if (!face) return;
  const item = shown();
  const excluded = !face.excluded;
  const set = (value) => {
    face.excluded = value;
    showAgain(item);
  };
  history.run({ label: `${excluded ? "Hide" : "Show"} face ${f + 1}`, apply: () => set(excluded), revert: () => set(!excluded) });
}

// Fits the face at a position of the screen, or the whole image if there is none or it is fitted already.
function fitFaceAt(position) {
  const [x, y] = view.toImage(position);
  const face = shownFaces().find((other) => {
    const [x0, y0, x1, y1] = faceBox(other);
    return !other.excluded && x >= x0 && x <= x1 && y >= y0 && y <= y1;
  });
  if (face && view.scale < 1.2 * view.fitScale) view.fitBox(faceBox(face));
  else view.fit();
}

export function fitNextFace() {
  const faces = shownFaces().filter((face) => !face.excluded);
  if (!faces.length) return;
  view.fitBox(faceBox(faces[nextFace % faces.length]));
  nextFace++;
}

shownChanged.subscribe(() => {
  nextFace = 0;
  editor.cancel();
  editor.select(null);
});

view.onviewchange = () => tooltip.hide();

history.onchange = () => {
  for (const [id, name, label] of [["undo", "Undo", history.undoLabel], ["redo", "Redo", history.redoLabel]]) {
    $(id).disabled = !label;
    $(id).title = label && `${name}: ${label}`;
  }
};
