/**
 * Exports results as one file, or as several in a ZIP file.
 *
 *   const { name, blob } = await exportFiles(entries, { kinds, model, template, region, draw });
 *
 * entries: [{item, faces}] for photos, with the faces to export in pixels of the file; [{item}] for clips.
 * kinds: of "json", "csv", "coco", "pts", "dlib", "crops", "masks", "drawings".
 * draw(context, view, faces): draws the faces into the drawings; `view` has toScreen and scale as in canvas.js.
 *
 * The server writes the formats, as it does for `facelattice align`; images stay in the browser. Throws an Error for
 * the user.
 */

import { createCanvas, fileStem, toBlob } from "./dom.js";
import { request } from "./server.js";
import { zip } from "./zip.js";

const DRAWING_SIDE = 900; // points and lines of drawings are as large as on a screen with this image side

export async function exportFiles(entries, { kinds, model, template, region, draw }) {
  const photos = withUniqueNames(entries.filter(({ item }) => item.kind === "image"));
  const clips = withUniqueNames(entries.filter(({ item }) => item.kind === "video"));
  const convert = async (images, format, options = {}) => {
    const body = JSON.stringify({ images });
    return (await request(`v1/export?${new URLSearchParams({ model, format, ...options })}`, { method: "POST", body }, "The export")).json();
  };
  const images = photos.map(({ item, name, faces }) => ({ image: name, width: item.width, height: item.height, faces: faces.map(plainFace) }));
  const files = [];
  for (const kind of kinds) {
    if (kind === "drawings") files.push(...(await drawings(photos, draw)));
    else if (kind === "json" && photos.length) files.push(...jsonFiles(await convert(images, "json")));
    else if (kind === "crops" && photos.length) files.push(...(await crops(photos, await convert(images, "json", { template }))));
    else if (photos.length) files.push(...decodeFiles((await convert(images, kind, kind === "masks" ? { region } : {})).files, kind));
    if (kind === "json") files.push(...clips.map(({ item, name }) => [`${fileStem(name)}.jsonl`, textBlob(item.frames.map((frame) => `${JSON.stringify(frame)}\n`).join(""))]));
    if (kind === "csv") {
      for (const { item, name } of clips) {
        const frames = item.frames.map(({ frame, time, faces }) => ({ image: String(frame), time, width: item.width, height: item.height, faces }));
        const [{ text }] = (await convert(frames, "video_csv")).files;
        files.push([`${fileStem(name)}.csv`, textBlob(text)]);
      }
    }
  }
  if (!files.length) throw new Error("There is nothing to export: no face was found, or these files are for images only.");
  if (files.length === 1) return { name: files[0][0].split("/").at(-1), blob: files[0][1] };
  return { name: entries.length === 1 ? `${fileStem([...photos, ...clips][0].name)}.zip` : "facelattice.zip", blob: await zip(files) };
}

const textBlob = (text) => new Blob([text], { type: "text/plain" });

const plainFace = ({ edge_weights: _edges, excluded: _excluded, ...face }) => face;

function withUniqueNames(entries) {
  const used = new Set();
  return entries.map((entry) => {
    let { name } = entry.item;
    const [stem, suffix] = [fileStem(name), name.slice(fileStem(name).length)];
    for (let k = 2; used.has(fileStem(name)); k++) name = `${stem} (${k})${suffix}`;
    used.add(fileStem(name));
    return { ...entry, name };
  });
}

function jsonFiles({ images }) {
  return images.map(({ image, faces }) => {
    const plain = faces.map(({ crop_matrix: _matrix, ...face }) => face);
    return [`json/${fileStem(image)}.json`, textBlob(JSON.stringify({ image, faces: plain }))];
  });
}

function decodeFiles(files, kind) {
  const folder = ["pts", "masks"].includes(kind) ? `${kind}/` : "";
  return files.map(({ name, text, base64 }) => {
    const blob = text === undefined ? new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: "image/png" }) : textBlob(text);
    return [`${folder}${name}`, blob];
  });
}

async function crops(photos, { images, size }) {
  const files = [];
  for (const [k, { item, name }] of photos.entries()) {
    const source = await item.painted();
    for (const [i, { crop_matrix: matrix }] of images[k].faces.entries()) {
      if (matrix) files.push([`crops/${fileStem(name)}_${i}.png`, await toBlob(cropFace(source, item, matrix, size), "image/png")]);
    }
  }
  return files;
}

// matrix: from pixels of the file to pixels of the crop; whole numbers are the centers of pixels on both sides.
function cropFace(source, { width, height }, [[a, c, e], [b, d, f]], size) {
  const canvas = createCanvas(size, size);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillRect(0, 0, size, size);
  context.setTransform(a, b, c, d, e + 0.5 - (a + c) / 2, f + 0.5 - (b + d) / 2);
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

async function drawings(photos, draw) {
  const files = [];
  for (const { item, name, faces } of photos) {
    const source = await item.painted();
    const canvas = createCanvas(source.width, source.height);
    const context = canvas.getContext("2d");
    context.drawImage(source, 0, 0);
    const unit = Math.max(1, Math.max(source.width, source.height) / DRAWING_SIDE);
    const scale = source.width / item.width / unit;
    context.scale(unit, unit);
    draw(context, { scale, toScreen: ([x, y]) => [(x + 0.5) * scale, (y + 0.5) * scale] }, faces);
    files.push([`drawings/${fileStem(name)}_faces.jpg`, await toBlob(canvas)]);
  }
  return files;
}
