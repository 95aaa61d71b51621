/**
 * Draws faces over an image, in screen pixels.
 *
 *   drawFaces(context, view, faces, { lines, isShown(face, i), numbers, selected, labels: true })
 *   drawNeighbors(context, view, face, point)               arrows from the neighbors, with their percentages
 *   drawAxes(context, view, face)                           the three axes of the head pose
 *   errorColor(share)                                       "rgb(...)"; share: expected error / size of the face
 *   faceSize(face), isHidden(face, i), meanError(face)
 *
 * A face is {points: [[x, y], ...]} in image coordinates, and may have box, score, expected_errors, visibility, track
 * and edge_weights as the service returns them. A point may be null: it is not drawn. `view` needs toScreen and scale,
 * see canvas.js. A face that is `excluded` is not drawn. `lines` are lists of points to connect. `selected` is
 * {face, point}: the index of the face and of the point, or null. Points more likely hidden than visible are hollow.
 */

import { Labels } from "./labels.js";

const STOPS = [[64, 208, 255], [255, 225, 77], [255, 77, 94]]; // blue, yellow, red
const [MIN_ERROR, MAX_ERROR] = [0.01, 0.08]; // shares at the blue and the red end, as in visualization/face_marks.py
const SELECTED_COLOR = "#ff6ac1";
const EDGE_COLOR = "rgb(0 0 0 / 0.8)";

export const isHidden = (face, i) => face.visibility?.[i] < 0.5;

export function faceBox(face) {
  if (face.box) return face.box;
  const points = face.points.filter(Boolean);
  const [xs, ys] = [0, 1].map((k) => points.map((point) => point[k]));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

export function faceSize(face) {
  const [x0, y0, x1, y1] = faceBox(face);
  return Math.max(x1 - x0, y1 - y0, 1e-6);
}

// The mean expected error as a share of the size of the face, or null if it is unknown.
export function meanError(face) {
  if (!face.expected_errors?.length) return null;
  return face.expected_errors.reduce((a, b) => a + b, 0) / face.expected_errors.length / faceSize(face);
}

// Equal ratios of errors are equal steps of the colors.
export function errorColor(share) {
  const known = Number.isFinite(share) ? Math.min(MAX_ERROR, Math.max(MIN_ERROR, share)) : MIN_ERROR;
  const t = Math.log(known / MIN_ERROR) / Math.log(MAX_ERROR / MIN_ERROR);
  const [from, to] = t < 0.5 ? [STOPS[0], STOPS[1]] : [STOPS[1], STOPS[2]];
  const part = t < 0.5 ? 2 * t : 2 * t - 1;
  return `rgb(${from.map((value, i) => Math.round(value + part * (to[i] - value))).join(" ")})`;
}

export function drawFaces(context, view, faces, options) {
  const { lines = [], isShown = () => true, numbers = false, selected = null } = options;
  const texts = new Labels(context);
  faces.forEach((face, f) => {
    if (face.excluded) return;
    const style = faceStyle(face, view);
    if (options.labels !== false) texts.avoidLabels(drawBox(context, view, face, selected?.face === f));
    drawLines(context, view, face, lines, (i) => face.points[i] && isShown(face, i), style);
    face.points.forEach((point, i) => {
      if (!point || !isShown(face, i)) return;
      const position = view.toScreen(point);
      const isSelected = selected?.face === f && selected.point === i;
      drawPoint(context, position, style.radius, style.color(i), isHidden(face, i), isSelected);
      if (numbers) texts.avoid(position, style.radius);
    });
  });
  if (!numbers) return;
  faces.forEach((face, f) => {
    if (face.excluded) return;
    const [x0, y0, x1, y1] = faceBox(face);
    const center = view.toScreen([(x0 + x1) / 2, (y0 + y1) / 2]);
    const style = faceStyle(face, view);
    face.points.forEach((point, i) => {
      if (!point || !isShown(face, i)) return;
      const required = selected?.face === f && selected.point === i;
      texts.add(String(i), view.toScreen(point), { gap: style.radius + 1, away: center, color: style.color(i), required });
    });
  });
  texts.draw();
}

function faceStyle(face, view) {
  const size = faceSize(face);
  return {
    radius: Math.min(4, Math.max(1.2, (size * view.scale) / 70)),
    color: (i) => errorColor(face.expected_errors?.[i] / size),
  };
}

// Draws the box of a face and its label; returns the Labels.
function drawBox(context, view, face, isSelected) {
  const [x0, y0, x1, y1] = faceBox(face);
  const corners = [view.toScreen([x0, y0]), view.toScreen([x1, y1])];
  const [left, right] = corners.map(([x]) => x).sort((a, b) => a - b);
  const [top, bottom] = corners.map(([, y]) => y);
  context.lineWidth = isSelected ? 2 : 1;
  context.strokeStyle = isSelected ? SELECTED_COLOR : "rgb(255 255 255 / 0.6)";
  context.strokeRect(left, top, right - left, bottom - top);
  const labels = new Labels(context, { size: 12, bold: true });
  if (right - left < 28) return labels; // no room for a label
  const name = [face.track ? `#${face.track}` : "", face.score === undefined ? "" : face.score.toFixed(2)];
  const text = name.filter(Boolean).join("  ");
  if (text) labels.add(text, [left + labels.width(text) / 2, top], { gap: 3, away: [left, bottom], required: true });
  labels.draw();
  return labels;
}

function drawLines(context, view, face, lines, isShown, style) {
  context.save();
  context.lineWidth = Math.max(0.75, style.radius / 2.6);
  context.globalAlpha *= 0.65;
  for (const line of lines) {
    for (let k = 1; k < line.length; k++) {
      const [a, b] = [line[k - 1], line[k]];
      if (!isShown(a) || !isShown(b)) continue;
      context.strokeStyle = style.color(a);
      drawLine(context, view.toScreen(face.points[a]), view.toScreen(face.points[b]));
    }
  }
  context.restore();
}

function drawPoint(context, [x, y], radius, color, hollow, isSelected) {
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.lineWidth = hollow ? radius * 0.6 + 2 : 2;
  context.strokeStyle = EDGE_COLOR;
  context.stroke();
  if (hollow) {
    context.lineWidth = Math.max(1, radius * 0.6);
    context.strokeStyle = color;
    context.stroke();
  } else {
    context.fillStyle = color;
    context.fill();
  }
  if (!isSelected) return;
  context.beginPath();
  context.arc(x, y, radius + 4, 0, 7);
  context.lineWidth = 4;
  context.strokeStyle = EDGE_COLOR;
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = SELECTED_COLOR;
  context.stroke();
}

export function drawNeighbors(context, view, face, point) {
  const target = view.toScreen(face.points[point]);
  const labels = new Labels(context, { size: 12, bold: true });
  face.points.forEach((position) => labels.avoid(view.toScreen(position), 2));
  const edges = (face.edge_weights ?? []).filter(([start]) => start === point).sort((a, b) => b[2] - a[2]);
  for (const [, neighbor, weight] of edges) {
    const text = `${Math.round(100 * weight)} %`;
    if (neighbor === point) continue; // the table lists it
    const source = view.toScreen(face.points[neighbor]);
    drawArrow(context, source, target, 1.5 + 5 * weight);
    labels.add(text, source, { gap: 7, away: target, required: true });
  }
  labels.draw();
}

// The axes of the head: to its right on the screen (red), up (green), and where the face looks (blue); see
// facelattice.pose.HeadPose for the order of the rotations.
export function drawAxes(context, view, face) {
  if (!face.pose) return;
  const [yaw, pitch, roll] = [face.pose.yaw, face.pose.pitch, face.pose.roll].map((angle) => (angle * Math.PI) / 180);
  const { sin, cos } = Math;
  const axes = [
    ["#ff6b6b", cos(yaw), 0],
    ["#66e08a", -sin(pitch) * sin(yaw), -cos(pitch)],
    ["#6cb2ff", sin(yaw) * cos(pitch), -sin(pitch)],
  ];
  const [x0, y0, x1, y1] = faceBox(face);
  const center = [(x0 + x1) / 2, (y0 + y1) / 2];
  const length = faceSize(face) * 0.55;
  for (const [color, x, y] of axes) {
    const [dx, dy] = [x * cos(roll) - y * sin(roll), x * sin(roll) + y * cos(roll)];
    drawArrow(context, view.toScreen(center), view.toScreen([center[0] + dx * length, center[1] + dy * length]), 3, color);
  }
}

// Draws an arrow with a dark edge that ends a little before its target.
function drawArrow(context, [x0, y0], [x1, y1], width, fill = "#fff") {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 1) return;
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const head = Math.min(6 + width, length / 2);
  const end = [x1 - ux * Math.min(7, length / 4), y1 - uy * Math.min(7, length / 4)];
  const neck = [end[0] - ux * head, end[1] - uy * head];
  for (const [color, extra] of [[EDGE_COLOR, 2], [fill, 0]]) {
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = width + extra;
    drawLine(context, [x0, y0], neck);
    context.beginPath();
    context.moveTo(end[0] + (ux * extra) / 2, end[1] + (uy * extra) / 2);
    context.lineTo(neck[0] - uy * (head / 2 + extra / 2), neck[1] + ux * (head / 2 + extra / 2));
    context.lineTo(neck[0] + uy * (head / 2 + extra / 2), neck[1] - ux * (head / 2 + extra / 2));
    context.fill();
  }
}

function drawLine(context, start, end) {
  context.beginPath();
  context.moveTo(...start);
  context.lineTo(...end);
  context.stroke();
}
