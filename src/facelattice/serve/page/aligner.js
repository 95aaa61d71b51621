/**
 * Gets the faces of photos from the server, a few at a time.
 *
 *   const aligner = new Aligner({ wanted, onresult, onfailure, onbusy });
 *   aligner.update()                     call it when the list of wanted results may have changed
 *
 * wanted() returns [{photo, settings: {model, minScore}, edges}], the most urgent first; entries with a result or a
 * failure are left out by `isOpen`. A result is stored in photo.results: {model, faces, times}, with faces in pixels of
 * the file. `edges` asks for the edge weights as well; they are added to the faces that are there.
 */

import { request } from "./server.js";

const NUM_PARALLEL = 2;
const MAX_PAUSE = 8000; // milliseconds

export function isOpen({ photo, settings, edges }) {
  const key = photo.key(settings);
  const result = photo.results.get(key);
  return !photo.failures.has(key) && (!result || (edges && result.faces.some((face) => !face.edge_weights)));
}

export class Aligner {
  #options;
  #running = new Set();
  #pause = 0;
  #timer = 0;

  constructor(options) {
    this.#options = options;
  }

  update() {
    if (this.#timer) return;
    for (const job of this.#options.wanted()) {
      if (this.#running.size >= NUM_PARALLEL) return;
      const name = `${job.photo.key(job.settings)}|${job.edges}`;
      const isRunning = [...this.#running].some((other) => other.photo === job.photo && other.name === name);
      if (isOpen(job) && !isRunning) this.#run({ ...job, name });
    }
  }

  async #run(job) {
    this.#running.add(job);
    const { photo, settings } = job;
    const key = photo.key(settings);
    try {
      const result = await align(photo, settings, job.edges);
      addResult(photo, settings, result);
      this.#pause = 0;
      this.#options.onresult(photo);
    } catch (error) {
      if (error.isBusy) this.#wait();
      else photo.failures.set(key, error.message);
      this.#options.onfailure(photo, error);
    } finally {
      this.#running.delete(job);
      this.update();
    }
  }

  // Tries again after a pause, which each failure doubles.
  #wait() {
    this.#pause = Math.min(MAX_PAUSE, 2 * this.#pause || 500);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.update();
    }, this.#pause);
  }
}

export async function align(photo, { model, minScore }, edges, extra = {}) {
  const start = performance.now();
  const { body, scale } = await photo.encode();
  const encoded = performance.now();
  const query = new URLSearchParams({ model, min_score: minScore, edge_weights: edges, ...extra });
  const response = await request(`v1/align?${query}`, { method: "POST", body });
  const result = await response.json();
  const faces = result.faces.map((face) => scaledFace(face, scale));
  return { model, faces, times: { encode: encoded - start, ...result.milliseconds, total: performance.now() - start } };
}

// Returns a face in pixels of the file. Whole numbers are the centers of pixels.
function scaledFace(face, scale) {
  const scaled = (value, k) => Math.round(100 * ((value + 0.5) / scale[k % 2] - 0.5)) / 100; // odd positions are y
  return {
    ...face,
    box: face.box.map(scaled),
    points: face.points.map((point) => point.map(scaled)),
    expected_errors: face.expected_errors.map((error) => Math.round((100 * error) / Math.min(...scale)) / 100),
  };
}

// Edge weights are added to the faces that are there, as the user may have moved their points or hidden some.
function addResult(photo, settings, result) {
  const key = photo.key(settings);
  const old = photo.results.get(key);
  const isSame = old?.faces.length === result.faces.length;
  const faces = isSame ? old.faces : photo.knownFaces(settings, result.faces);
  faces.forEach((face, i) => (face.edge_weights ??= result.faces[i].edge_weights));
  if (!isSame) photo.results.set(key, { ...result, faces });
}
