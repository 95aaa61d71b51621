/** What the page says about the shown item: message, faces, details, legend, progress and times. */

import { $ } from "./dom.js";
import { FaceList, describePoint, showDetails } from "./panel.js";
import { editor, excludeFace, selectFace } from "./pointing.js";
import { countFaces, numDone } from "./results.js";
import { isCompared, modelInfo, photos, queue, resultOf, settings, showMessage, shown, shownFaces, state, updated } from "./session.js";

const faceList = new FaceList($("faces"), { onselect: selectFace, onexclude: excludeFace });

updated.subscribe(() => {
  const item = shown();
  const faces = shownFaces();
  if (editor.selected && !faces[editor.selected.face]) editor.selected = null; // another result
  const f = editor.selected?.face ?? (faces.length === 1 ? 0 : -1);
  showMessage(...describe(item, faces, f));
  faceList.show(faces, f);
  const face = faces[Math.max(0, f)];
  const names = modelInfo()?.names ?? [];
  const point = editor.selected?.point ?? null;
  showDetails($("details"), { face, number: face?.track ?? Math.max(0, f) + 1, names, point, neighbors: state.tool === "neighbors" });
  $("legend").hidden = !faces.length;
  for (const id of ["divide", "compare-labels"]) $(id).hidden = !isCompared();
  [$("compare-labels").children[0].textContent, $("compare-labels").children[1].textContent] = [state.model, state.compare];
  $("clear").disabled = !item?.strokes?.length;
  $("export-button").disabled = $("queue-bar").hidden = !queue.items.length;
  $("progress").textContent = photos().length > 1 ? `${numDone()} of ${photos().length} images done` : "";
  showTimes(item);
});

// Returns a message, and whether it is about an error.
function describe(item, faces, f) {
  if (!item) return ["", false];
  if (item.kind === "image" && editor.selected) return [describePoint(faces[f], editor.selected.point, modelInfo().names), false];
  if (item.kind === "camera") return [countFaces(faces), false];
  if (item.kind === "video") return describeClip(item);
  const failure = item.failures.get(item.key(settings()));
  if (failure) return [failure, true];
  if (resultOf(item)) return [`${countFaces(faces)} ${item.problem}`.trim(), false];
  return item.isWaiting ? ["The server is busy. Try again in a moment.", true] : ["Finding faces ...", false];
}

function describeClip(clip) {
  const playable = clip.canPlay ? "" : " This browser cannot play the video, but its landmarks can be exported.";
  if (clip.problem) return [clip.problem, true];
  if (!clip.tracks.size && !clip.isComplete) return [`Following faces ...${playable}`, false];
  const count = clip.tracks.size === 1 ? "one face" : `${clip.tracks.size} faces`;
  return [`${clip.isComplete ? "Followed" : "Following"} ${count}.${playable}`, false];
}

function showTimes(item) {
  const times = resultOf(item)?.times;
  $("times").textContent = times
    ? `This image took ${times.total.toFixed(0)} ms: ${times.encode.toFixed(0)} to encode it, ${times.decode.toFixed(0)} ` +
      `to decode it, ${times.find.toFixed(0)} to find faces and points.`
    : "";
  $("rate").textContent = item?.frameRate
    ? `${item.frameRate.toFixed(1)} frames/s, ${times.total.toFixed(0)} ms each (server ${(times.decode + times.find).toFixed(0)} ms)`
    : "";
}
