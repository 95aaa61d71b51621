/** The dialog that asks what to export. */

import { $, saveFile } from "./dom.js";
import { drawFaces } from "./drawing.js";
import { exportFiles } from "./export.js";
import { isShown, modelInfo, queue, resultOf, settings, showError, showMessage, state, update } from "./session.js";

export function openExport() {
  const count = queue.items.length;
  if (!count) return;
  $("scope-all").textContent = count === 1 ? "the opened file" : `all ${count} images and videos`;
  $("scope-current").disabled = !queue.current;
  $("export-dialog").returnValue = "";
  $("export-dialog").showModal();
}

async function runExport() {
  const kinds = [...document.querySelectorAll("#export-kinds input:checked")].map(({ value }) => value);
  const items = $("scope-current").checked && queue.current ? [queue.current] : queue.items;
  const ready = items.filter((item) => (item.kind === "video" ? item.isOf(settings()) && item.frames.length : resultOf(item)));
  const entries = ready.map((item) => ({ item, faces: (resultOf(item)?.faces ?? []).filter((face) => !face.excluded) }));
  if (!entries.some(({ item, faces }) => item.frames?.length || faces.length)) throw new Error("There is no face to export.");
  showMessage("Writing files ...");
  const lines = modelInfo()?.lines ?? [];
  const draw = (context, view, faces) => drawFaces(context, view, faces, { lines, isShown, numbers: state.numbers });
  const { name, blob } = await exportFiles(entries, { kinds, model: state.model, template: $("template").value, region: $("region").value, draw });
  saveFile(blob, name);
  update();
  const missing = items.filter((item) => !ready.includes(item) || item.isComplete === false).length;
  showMessage(`Saved ${name}.${missing ? ` Without a complete result: ${missing} of ${items.length}.` : ""}`);
}

$("export-button").onclick = openExport;
$("export-dialog").onclose = () => {
  if ($("export-dialog").returnValue === "export") runExport().catch(showError);
};
