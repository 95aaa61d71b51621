// The content of downloads: points in pixels of the original photo, and upright crops.

import { createCanvas } from "./dom.js";
import { faceSize } from "./drawing_old.js";

// Returns the faces in pixels of the photo as it was opened, which may be larger than the image that was sent.
export function originalFaces({ result, shrink }) {
  // Whole numbers are pixel centers. Even positions k are x, odd ones y.
  const scaled = (value, k) => Math.round(100 * ((value + 0.5) / shrink[k % 2] - 0.5)) / 100;
  return result.faces.map(({ edge_weights, ...face }) => ({
    ...face,
    box: face.box.map(scaled),
    points: face.points.map((point) => point.map(scaled)),
    expected_errors: face.expected_errors.map((error) => Math.round((100 * error) / Math.min(...shrink)) / 100),
  }));
}

export function toJson(name, faces) {
  return JSON.stringify({ image: name, faces });
}

export function toCsv(name, faces) {
  const points = faces[0]?.points ?? [];
  const quoted = /[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
  const rows = faces.map(({ score, points }, i) => [quoted, i, score, ...points.flat()]);
  return [["image", "face", "score", ...points.flatMap((_, i) => [`x${i}`, `y${i}`])], ...rows].join("\n") + "\n";
}

// Contains the best face. In .pts files the first pixel has the coordinates 1, 1.
export function toPts(name, [{ points }]) {
  const lines = points.map(([x, y]) => `${(x + 1).toFixed(4)} ${(y + 1).toFixed(4)}`);
  return `version: 1\nn_points: ${points.length}\n{\n${lines.join("\n")}\n}\n`;
}

// Returns the face upright and centered, 256 x 256 px, with a margin. names: names of the points.
export function cropFace(source, face, names) {
  const size = 256;
  const canvas = createCanvas(size, size);
  const context = canvas.getContext("2d");
  const [left, right] = ["left_eye_outer", "right_eye_outer"].map((name) => face.points[names.indexOf(name)]);
  const angle = left && right ? Math.atan2(right[1] - left[1], right[0] - left[0]) : 0;
  const [x0, y0, x1, y1] = face.box;
  const scale = size / (1.5 * faceSize(face));
  context.translate(size / 2, size / 2);
  context.rotate(-angle);
  context.scale(scale, scale);
  context.drawImage(source, -(x0 + x1) / 2 - 0.5, -(y0 + y1) / 2 - 0.5);
  return canvas;
}
