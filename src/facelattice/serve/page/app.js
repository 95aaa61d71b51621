/** The page of `facelattice serve`: starts its parts, and connects buttons, settings, keys, drop and paste. */

import "./layers.js";
import "./summary.js";
import { keepFrame } from "./camera_bar.js";
import { $, createElement, toBlob } from "./dom.js";
import { openExport } from "./export_dialog.js";
import { droppedFiles, knownFiles } from "./files.js";
import { closeAll, closeItem, openFiles } from "./items.js";
import { clearPaint, editor, excludeFace, fitNextFace, selectTool } from "./pointing.js";
import { describeThumbnail, followClip, sortQueue } from "./results.js";
import { SAMPLES, sampleImages } from "./samples.js";
import { history, loadModels, modelInfo, photos, queue, showError, showMessage, shown, shownChanged, state, store, update, view } from "./session.js";
import { bindKeys, makeMenu, makeToolbar } from "./tools.js";

// ---- settings --------------------------------------------------------------------------------------------------------

// Connects a control with a setting that undo restores. show(value) brings the control up to date.
function bindSetting(name, label, read, show) {
  return () => {
    const [before, after] = [state[name], read()];
    const set = (value) => {
      store.update({ [name]: value });
      show(value);
      for (const photo of photos()) describeThumbnail(photo);
      update();
    };
    history.run({ label: `Change the ${label}`, key: `setting ${name}`, apply: () => set(after), revert: () => set(before) });
  };
}

// Results with another model or minimum score.
function startAgain() {
  editor.select(null);
  if (queue.current?.kind === "video") followClip(queue.current);
}

const readLimit = () => ($("limit").value === $("limit").max ? null : Number($("limit").value));
$("limit").oninput = bindSetting("limit", "maximum error", readLimit, (value) => {
  const text = value === null ? "no limit" : `${value} %`;
  $("limit").value = value ?? $("limit").max;
  $("limit-value").textContent = text;
  $("limit").setAttribute("aria-valuetext", text);
});
$("min-score").oninput = () => ($("min-score-value").textContent = Number($("min-score").value).toFixed(2));
$("min-score").onchange = bindSetting("minScore", "minimum score", () => Number($("min-score").value), (value) => {
  $("min-score").value = value;
  $("min-score-value").textContent = value.toFixed(2);
  startAgain();
});
$("model").onchange = bindSetting("model", "model", () => $("model").value, (value) => {
  $("model").value = value;
  showLicense();
  startAgain();
});
$("compare").onchange = bindSetting("compare", "compared model", () => $("compare").value, (value) => ($("compare").value = value));

function showLicense() {
  const { name, num_points: numPoints, license } = modelInfo();
  $("license").textContent = `Model ${name}, ${numPoints} points: ${license}`;
}

function toggle(name) {
  store.update({ [name]: !state[name] });
  $(name).setAttribute("aria-pressed", String(state[name]));
}

// ---- buttons and keys ------------------------------------------------------------------------------------------------

const closeCurrent = () => queue.current && closeItem(queue.current);
function announce(what, change) {
  const message = $("message").textContent;
  const command = change();
  if (command && $("message").textContent === message) showMessage(`${what}: ${command.label}.`);
}

const clicks = {
  previous: () => queue.next(-1), next: () => queue.next(1), close: closeCurrent, "close-all": closeAll,
  undo: () => announce("Undone", () => history.undo()), redo: () => announce("Redone", () => history.redo()), clear: clearPaint,
  "zoom-in": () => view.zoom(1.4), "zoom-out": () => view.zoom(1 / 1.4), "zoom-fit": () => view.fit(), "zoom-face": fitNextFace,
  numbers: () => toggle("numbers"), axes: () => toggle("axes"), "about-button": () => $("about-dialog").showModal(),
};
for (const [id, action] of Object.entries(clicks)) $(id).onclick = action;
$("order").onchange = sortQueue;
bindKeys({
  "ctrl+z": clicks.undo, "ctrl+shift+z": clicks.redo, "ctrl+y": clicks.redo,
  v: () => selectTool("inspect"), m: () => selectTool("move"), g: () => selectTool("neighbors"), b: () => selectTool("paint"),
  1: clicks.numbers, 2: clicks.axes, f: fitNextFace, e: openExport, h: () => excludeFace(editor.selected?.face ?? 0),
  k: () => ["camera", "video"].includes(shown()?.kind) && keepFrame().catch(showError),
  pageup: clicks.previous, pagedown: clicks.next, delete: closeCurrent,
});
makeToolbar($("tools"));

// ---- opening ---------------------------------------------------------------------------------------------------------

$("files").onchange = ({ target }) => openFiles([...target.files]).finally(() => (target.value = "")); // so that it can be opened again
$("folder").onchange = ({ target }) => openFiles(knownFiles([...target.files])).finally(() => (target.value = ""));
addEventListener("paste", ({ clipboardData }) => clipboardData.files.length && openFiles([...clipboardData.files]));
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, async (event) => {
    event.preventDefault();
    $("frame").classList.toggle("over", kind === "dragover");
    if (kind === "drop") openFiles(await droppedFiles(event.dataTransfer));
  });
}

let samples = null; // a promise

async function openSample(i) {
  samples ??= sampleImages();
  const { name, canvas } = (await samples.catch((error) => ((samples = null), Promise.reject(error))))[i];
  openFiles([new File([await toBlob(canvas, "image/png")], name, { type: "image/png" })]);
}

async function showSamples() {
  const open = (i) => () => openSample(i).catch(showError);
  $("samples-menu").append(...SAMPLES.map((label, i) => createElement("button", { type: "button", role: "menuitem", tabIndex: -1, onclick: open(i) }, label)));
  makeMenu($("samples-button"), $("samples-menu"));
  samples = sampleImages();
  const tiles = (await samples).map(({ label, canvas }, i) => createElement("button", { type: "button", onclick: open(i) }, canvas, label));
  $("samples").append(...tiles);
}

async function showModels() {
  const models = await loadModels();
  for (const id of ["model", "compare"]) $(id).append(...models.map(({ name }) => new Option(name, name)));
  $("model").value = models.find((entry) => entry.default)?.name ?? models[0].name;
  store.update({ model: $("model").value });
  showLicense();
}

let modelsRequest = null;

// Called again with each shown item, as the first request may have failed.
function needModels() {
  if (!modelInfo()) modelsRequest ??= showModels().catch(showError).finally(() => (modelsRequest = null));
}

store.subscribe(update);
shownChanged.subscribe(needModels);
selectTool("inspect");
needModels();
showSamples().catch(showError);
