/**
 * The tools of the view, and the layers over the image: points, the tool's own marks, and the magnifier.
 *
 *   chooseTool("face")                        "points", "box", "place" or "face"
 */

import { changePoints, suggestInBox, transformFace } from "./actions.js";
import { recordPoints } from "./changes.js";
import { BoxTool, FaceTool, PlaceTool } from "./face_tools.js";
import { Magnifier } from "./magnifier.js";
import { end, place } from "./placing.js";
import { currentFace, editor, faces, selectPoint, showMessage, state, tooltip, view } from "./session.js";
import { $ } from "./shared/dom.js";
import { drawFaces, faceBox } from "./shared/drawing.js";
import { makeChoice } from "./shared/tools.js";

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const HINTS = {
  points: "",
  face: "Drag the frame to move all points, a corner to scale, the handle outside to turn.",
  box: "Draw a box around the points of a face. Enter puts one into the middle of the view.",
  place: "Click the points in their order.",
};

const tools = {
  points: editor,
  box: new BoxTool(view, async (box) => {
    if (!(await suggestInBox(box))) return;
    chooseTool("points");
    showMessage("Face added. Drag its points to their places.");
  }),
  place: new PlaceTool(view, { place, end }),
  face: new FaceTool(view, {
    faces,
    current: () => state.current,
    choose: (f) => {
      state.current = f;
      selectPoint(null);
    },
    change: changePoints,
    end: (f, before, label) => recordPoints(faces()[f], before, label),
  }),
};
const tool = () => tools[state.tool];

view.tool = {
  down(position, event) {
    tooltip.hide();
    state.isPressed = Boolean(state.image && tool().down(position, event));
    return state.isPressed;
  },
  move: (position, event) => tool().move(position, event),
  up(position, event) {
    state.isPressed = false;
    tool().up(position, event);
    view.requestDraw();
  },
  cancel() {
    state.isPressed = false;
    tool().cancel();
  },
  hover: (position, event) => editor.hover(position, event),
  leave: () => editor.leave(),
  doubleClick: () => currentFace() && view.fitBox(faceBox(currentFace())),
  key(event) {
    const arrow = ARROWS[event.key];
    if (state.tool === "face" && arrow) {
      const step = event.shiftKey ? 10 : 1;
      transformFace({ move: arrow.map((value) => value * step) }, "Move face");
      return true;
    }
    return tool().key?.(event) || editor.key(event);
  },
};

export const chooseTool = makeChoice(document.querySelectorAll("[data-tool]"), (chosen) => {
  state.tool = chosen;
  $("view").dataset.tool = chosen;
  tooltip.hide();
  if (HINTS[chosen]) showMessage(HINTS[chosen]);
  view.requestDraw();
});

// ---- layers ---------------------------------------------------------------------------------------------------------

const magnifier = new Magnifier(view);
let isNudging = false; // an arrow key is down
$("view").addEventListener("keydown", (event) => {
  isNudging = event.key in ARROWS;
});
$("view").addEventListener("keyup", () => {
  isNudging = false;
  view.requestDraw();
});

view.layers = [
  (context) => drawFaces(context, view, faces(), { lines: state.project?.scheme.lines ?? [], numbers: true, selected: editor.selected, labels: false }),
  (context) => tool().layer?.(context),
  (context) => {
    const { face, point } = editor.selected ?? {};
    const position = faces()[face]?.points[point];
    if (!position || !(state.isPressed || isNudging) || state.tool === "face") return;
    const { element, width } = state.image;
    magnifier.layer(context, { image: element, imageScale: element.naturalWidth / width, position, face: faces()[face] });
  },
];
