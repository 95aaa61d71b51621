/**
 * Gets results: of the shown image first, then of all others; of the points that were moved; and of videos, the shown
 * one at once, all others one after another.
 *
 *   measureAgain(item, face)            pose and measures of moved points
 *   followClip(clip), describeThumbnail(photo), sortQueue(), numDone()
 */

import { Aligner, isOpen } from "./aligner.js";
import { $ } from "./dom.js";
import { errorColor, meanError } from "./drawing.js";
import { request } from "./server.js";
import { clips, modelInfo, photos, player, queue, resultOf, settings, showError, shown, state, update, updated } from "./session.js";

const MEASURE_DELAY = 200; // milliseconds after the last change

const aligner = new Aligner({
  wanted() {
    if (!modelInfo()) return [];
    const item = shown();
    const edges = state.tool === "neighbors";
    const first = item?.kind === "image" ? [item] : [];
    return [
      ...first.map((photo) => ({ photo, settings: settings(), edges })),
      ...first.filter(() => state.compare).map((photo) => ({ photo, settings: settings(state.compare), edges })),
      ...photos().filter((photo) => photo !== item).map((photo) => ({ photo, settings: settings(), edges: false })),
    ];
  },
  onresult(photo) {
    photo.isWaiting = false;
    describeThumbnail(photo);
    update();
  },
  onfailure(photo, error) {
    photo.isWaiting = Boolean(error.isBusy); // it is tried again
    if (!error.isBusy) Object.assign(photo, { badge: "!", tone: null, note: error.message });
    queue.update(photo);
    update();
  },
});

updated.subscribe(() => {
  aligner.update();
  if (!modelInfo() || clips().some((clip) => clip.isFollowing)) return;
  const next = clips().find((clip) => !clip.isOf(settings()));
  if (next) followClip(next);
});

export const numDone = () => photos().filter((photo) => !isOpen({ photo, settings: settings() })).length;

export function countFaces({ length }) {
  if (!length) return "No face was found in this image.";
  return length === 1 ? "One face." : `${length} faces.`;
}

function uncertainty(photo) {
  const faces = resultOf(photo)?.faces ?? [];
  return faces.reduce((highest, face) => Math.max(highest, meanError(face)), -1);
}

export function describeThumbnail(photo) {
  const faces = resultOf(photo)?.faces;
  if (!faces) return;
  const error = uncertainty(photo);
  photo.badge = String(faces.length);
  photo.tone = faces.length ? errorColor(error) : null;
  photo.note = `${countFaces(faces)}${faces.length ? ` Expected error ${(100 * error).toFixed(1)} %.` : ""}`;
  queue.update(photo);
  if ($("order").value) sortQueue();
}

export function sortQueue() {
  queue.sort($("order").value ? (a, b) => uncertainty(b) - uncertainty(a) : null);
}

export function followClip(clip) {
  if (clip.isOf(settings()) && !clip.problem) return;
  for (const other of clips()) if (other.isFollowing) other.stop(); // it starts again later
  clip.follow(settings(), () => {
    const tracks = clip.tracks.size;
    clip.badge = tracks ? `▶ ${tracks}` : "▶";
    clip.note = `video, ${tracks} ${tracks === 1 ? "track" : "tracks"}`;
    queue.update(clip);
    if (shown() === clip) player.refresh();
    if (shown() === clip || !clip.isFollowing) update();
  });
}

let timer = 0;

export function measureAgain(item, face) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const { excluded: _excluded, edge_weights: _edges, ...plain } = face;
    const body = JSON.stringify({ images: [{ image: item.name, width: item.width, height: item.height, faces: [plain] }] });
    try {
      const response = await request(`v1/export?${new URLSearchParams({ model: state.model })}`, { method: "POST", body }, "The face");
      const [{ pose, measures }] = (await response.json()).images[0].faces;
      Object.assign(face, { pose, measures });
      update();
    } catch (error) {
      showError(error);
    }
  }, MEASURE_DELAY);
}
