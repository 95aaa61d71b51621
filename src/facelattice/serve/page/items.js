/**
 * Opens, shows and closes images and videos.
 *
 *   openFiles(files), addItem(item), closeItem(item), closeAll()
 *
 * All of them can be undone.
 */

import { Clip } from "./clip.js";
import { $ } from "./dom.js";
import { fileKind, fileName } from "./files.js";
import { Photo } from "./photo.js";
import { followClip } from "./results.js";
import { history, player, queue, setCameraFrame, showError, showMessage, shown, shownChanged, tooltip, update, view } from "./session.js";

let numOpening = 0; // calls of openFiles in progress

queue.onselect = showItem;
queue.onclose = closeItem;

async function showItem(item) {
  if (item) setCameraFrame(null);
  tooltip.hide();
  shownChanged.emit();
  player.show(item?.kind === "video" ? item : null);
  item?.failures?.clear(); // another try
  view.mirrored = false;
  view.show(null);
  showEmpty();
  update();
  if (!item) return;
  try {
    const source = item.kind === "image" ? await item.image() : item.canPlay ? item.video : null;
    if (queue.current === item) view.show(source, { width: item.width, height: item.height });
  } catch (error) {
    showError(error);
  }
  if (item.kind === "video") followClip(item);
}

function showEmpty() {
  $("empty").hidden = Boolean(shown()) || numOpening > 0;
}

export async function openFiles(files) {
  const opened = [];
  const problems = [];
  numOpening++;
  showEmpty();
  for (const file of files) {
    const name = fileName(file);
    try {
      const kind = fileKind(file);
      if (!kind) throw new Error(`${name} is not an image or a video.`);
      const item = await (kind === "image" ? Photo : Clip).open(file, name);
      queue.add(item);
      opened.push(item);
      if (opened.length === 1) queue.select(item);
      else update();
    } catch (error) {
      problems.push(error.message);
    }
  }
  numOpening--;
  const problem = problems.length > 3 ? `${problems[0]} ${problems.length - 1} other files cannot be opened.` : problems.join(" ");
  if (opened.length) {
    opened[0].problem = problem; // shown together with its result
    recordOpened(opened);
  }
  showEmpty();
  update();
  if (!opened.length && problem) showMessage(problem, true);
}

export function addItem(item) {
  queue.add(item);
  queue.select(item);
  recordOpened([item]);
}

function recordOpened(items) {
  const label = `Open ${items.length === 1 ? items[0].name : `${items.length} files`}`;
  const reopen = () => {
    items.forEach((item) => queue.add(item));
    queue.select(items[0]);
  };
  history.record({ label, apply: reopen, revert: () => items.forEach(remove) });
}

function remove(item) {
  queue.remove(item);
  if (item.kind === "video") item.stop();
}

export function closeItem(item) {
  const position = queue.position(item);
  const restore = () => {
    queue.restore(item, position);
    queue.select(item);
  };
  history.run({ label: `Close ${item.name}`, apply: () => remove(item), revert: restore });
  update();
}

export function closeAll() {
  const { items } = queue;
  const close = () => items.forEach(remove);
  const restore = () => {
    items.forEach((item, i) => queue.restore(item, i));
    queue.select(items[0]);
  };
  history.run({ label: "Close all", apply: close, revert: restore });
  update();
}
