/** The layers over the image: paint, and the faces of one model, or of two with a line between them. */

import { $ } from "./dom.js";
import { drawAxes, drawFaces, drawNeighbors } from "./drawing.js";
import { editor } from "./pointing.js";
import { comparedFaces, isCompared, isShown, modelInfo, shown, shownFaces, state, updated, view } from "./session.js";

const DIMMED = 0.35; // opacity of points behind the arrows of neighbors

view.layers = [drawPaintLayer, drawFaceLayer];
updated.subscribe(() => view.requestDraw());
$("divide").oninput = () => view.requestDraw();

function drawPaintLayer(context) {
  const photo = shown();
  if (!photo?.strokes?.length) return;
  context.translate(...view.toScreen([-0.5, -0.5]));
  context.scale(view.scale, view.scale);
  photo.drawPaint(context);
}

function drawFaceLayer(context) {
  if (!isCompared()) {
    drawResult(context, shownFaces(), state.model, editor.selected);
    return;
  }
  const divide = (view.size[0] * $("divide").value) / 100;
  clipped(context, 0, divide, () => drawResult(context, shownFaces(), state.model, editor.selected));
  clipped(context, divide, view.size[0], () => drawResult(context, comparedFaces(), state.compare, null));
  context.fillStyle = "#fff";
  context.fillRect(divide - 1, 0, 2, view.size[1]);
}

function clipped(context, left, right, draw) {
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, view.size[1]);
  context.clip();
  draw();
  context.restore();
}

function drawResult(context, faces, model, selected) {
  const showsNeighbors = state.tool === "neighbors" && faces[selected?.face];
  context.globalAlpha = showsNeighbors ? DIMMED : 1;
  const lines = modelInfo(model)?.lines ?? [];
  drawFaces(context, view, faces, { lines, isShown, numbers: state.numbers, selected });
  context.globalAlpha = 1;
  if (state.axes) for (const face of faces.filter(({ excluded }) => !excluded)) drawAxes(context, view, face);
  if (showsNeighbors) drawNeighbors(context, view, faces[selected.face], selected.point);
}
