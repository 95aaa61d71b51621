/**
 * Changes of the faces of the image. Each is saved at once, and can be undone.
 *
 *   edit("Remove face 1", () => ..., key)       makes a change and says so; changes that follow each other with one key are one
 *   const before = snapshot(), record("Place point 3", before)     for a change that has been made
 *   recordPoints(face, before, label, key)      for new points of a face; before: its points before
 *   undo(), redo()
 */

import { copyFace } from "./faces.js";
import { editor, pointsChanged, saver, showMessage, state, update } from "./session.js";

export const snapshot = () => ({ done: state.image.done, faces: state.image.faces.map(copyFace) });

function restore(target, { done, faces: copies }) {
  target.done = done;
  target.faces = copies.map(copyFace);
  saver.save(target);
  if (target !== state.image) return;
  if (!target.faces[editor.selected?.face]?.points[editor.selected?.point]) editor.selected = null;
  state.current = Math.max(0, Math.min(state.current, target.faces.length - 1));
  update();
}

export function record(label, earlier, key = null) {
  const [target, later] = [state.image, snapshot()];
  target.history.record({ label, key, apply: () => restore(target, later), revert: () => restore(target, earlier) });
  saver.save(target);
  update();
}

export function edit(label, change, key = null) {
  if (!state.image) return;
  const earlier = snapshot();
  change();
  record(label, earlier, key);
  showMessage(`${label}.`);
}

export function recordPoints(face, before, label, key = null) {
  const later = face.points;
  face.points = before;
  const earlier = snapshot();
  face.points = later;
  record(label, earlier, key);
}

pointsChanged.subscribe(({ face, before, label, key }) => recordPoints(face, before, label, key));

export function undo() {
  const command = state.image?.history.undo();
  if (command) showMessage(`Undone: ${command.label}.`);
}

export function redo() {
  const command = state.image?.history.redo();
  if (command) showMessage(`Redone: ${command.label}.`);
}
