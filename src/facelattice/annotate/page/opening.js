/**
 * The images of the project: opening one, and following what the server says about all of them.
 *
 *   await openImage(index), goTo(1), await openNextToDo()
 *   await poll()                          asks the server for the state of the project, and shows it
 */

import { get } from "./api.js";
import { copyFace, makeFace } from "./faces.js";
import { ImageList } from "./image_list.js";
import { editor, imageSaved, saver, saveRejected, showMessage, state, tooltip, update, view } from "./session.js";
import { $ } from "./shared/dom.js";
import { History } from "./shared/state.js";

const opened = new Map(); // images with unsaved changes or a history, by index
let loading = 0; // counts the images that were asked for; only the last one is shown

const list = new ImageList($("images"), openImage);

export async function openImage(index) {
  const number = ++loading;
  tooltip.hide();
  if (state.image?.faces.length && state.image.index !== index) state.copied = state.image.faces.map(copyFace);
  if (state.image?.index !== index) showMessage(`Opening ${state.project.images[index].name}.`);
  try {
    const [data, element] = await Promise.all([get(`api/images/${index}`), loadElement(index)]);
    if (number !== loading) return;
    const known = opened.get(index);
    const isCurrent = known && (saver.isBusy(known) || known.version === data.version);
    state.image = isCurrent && (known.annotated || saver.isBusy(known)) ? known : makeImage(index, data);
    state.image.element = element;
    view.show(element, { width: data.width, height: data.height });
    showMessage(describeImage());
  } catch (error) {
    if (number !== loading) return;
    state.image = null;
    view.show(null);
    showMessage(error.message, true);
  }
  state.current = 0;
  editor.selected = null;
  history.replaceState(null, "", `#${index}`);
  list.mark(index);
  update();
}

function makeImage(index, data) {
  const made = { index, ...data, faces: data.faces.map(makeFace) };
  made.history = new History(() => made === state.image && update());
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
  const { image, project } = state;
  const { name } = project.images[image.index];
  const count = image.faces.length === 1 ? "one face" : `${image.faces.length} faces`;
  const origin = image.annotated ? "" : project.model ? `, suggested by ${project.model}` : image.faces.length ? ", suggested: the mean shape" : "";
  const hint = image.faces.length ? "" : ". Draw a box around the points of a face (B), or click them in their order (A)";
  return `${name}: ${count}${origin}${image.done ? ", done" : ""}${hint}.`;
}

export const goTo = (step) => state.image && openImage(list.neighbor(state.image.index, step));

export async function openNextToDo() {
  const next = list.nextToDo(state.image.index);
  if (next === null || next === state.image.index) showMessage("All images are done.");
  else await openImage(next);
}

// ---- what the server says -------------------------------------------------------------------------------------------

export async function poll() {
  const numSaved = saver.numSaved;
  try {
    const description = await get("api/project");
    if (numSaved === saver.numSaved && !state.isPressed) showProject(description); // else it may be older than the page
  } catch (error) {
    showMessage(error.message, true);
  }
}

function showProject(project) {
  const { image } = state;
  const isNewModel = state.project && state.project.suggestions !== project.suggestions;
  state.project = project;
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
  opened.delete(state.image.index);
  await openImage(state.image.index);
  if (isForeign) showMessage("This image was changed in another window. This is its present state.");
}

imageSaved.subscribe((saved) => {
  Object.assign(state.project.images[saved.index], { version: saved.version, done: saved.done, faces: saved.faces.length });
  showProject(state.project);
});

saveRejected.subscribe(async (rejected) => {
  opened.delete(rejected.index);
  if (rejected !== state.image) return;
  await openImage(rejected.index);
  showMessage("Not saved: this image was changed in another window meanwhile. This is its present state.", true);
});
