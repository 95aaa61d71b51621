// Draws faces and the edges of a point on a canvas.

const RED_SHARE = 0.08; // expected error, as a share of the face size, at the red end of the color scale

export const faceSize = ({ box: [x0, y0, x1, y1] }) => Math.max(x1 - x0, y1 - y0);

export const isHidden = (face, i) => face.visibility?.[i] < 0.5;

// The position of a point on the canvas. In coordinates of the server whole numbers are the centers of pixels.
const position = (face, i) => face.points[i].map((value) => value + 0.5);

// Blue to yellow to red, by the expected error as a share of the face size.
function color(share) {
  const t = Math.min(1, share / RED_SHARE);
  const stops = [[64, 208, 255], [255, 225, 77], [255, 77, 94]];
  const [from, to] = t < 0.5 ? [stops[0], stops[1]] : [stops[1], stops[2]];
  const part = t < 0.5 ? 2 * t : 2 * t - 1;
  return `rgb(${from.map((value, i) => Math.round(value + part * (to[i] - value))).join(" ")})`;
}

// Draws box, score, lines and points of a face. lines: lists of points to connect. isVisible(i): whether to draw a point.
export function drawFace(context, face, { lines, isVisible, numbers }) {
  const size = faceSize(face);
  const [x0, y0, x1, y1] = face.box;
  context.lineWidth = Math.max(1, size / 200);
  context.strokeStyle = "rgb(255 255 255 / 0.55)";
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  context.font = `600 ${Math.max(11, size / 16)}px system-ui`;
  context.fillStyle = "#fff";
  context.fillText(face.score.toFixed(2), x0, y0 - size / 40);
  for (const line of lines) {
    for (let k = 1; k < line.length; k++) {
      const [a, b] = [line[k - 1], line[k]];
      if (!isVisible(a) || !isVisible(b)) continue;
      context.strokeStyle = color((face.expected_errors[a] + face.expected_errors[b]) / 2 / size);
      context.globalAlpha = 0.6;
      drawLine(context, position(face, a), position(face, b));
    }
  }
  context.font = `${Math.max(8, size / 28)}px system-ui`;
  face.points.forEach((_, i) => {
    if (!isVisible(i)) return;
    const [x, y] = position(face, i);
    context.fillStyle = color(face.expected_errors[i] / size);
    context.beginPath();
    context.arc(x, y, Math.max(1.5, size / 95), 0, 7);
    if (isHidden(face, i)) drawRing(context, size);
    else context.fill();
    if (numbers) context.fillText(i, x + size / 70, y - size / 90);
  });
}

// Draws the edges from a point to its neighbors, as wide as their weights, and a ring around the point.
export function drawEdges(context, face, point) {
  const size = faceSize(face);
  for (const [start, neighbor, weight] of face.edge_weights ?? []) {
    if (start !== point || neighbor === point) continue;
    context.strokeStyle = "#fff";
    context.lineWidth = Math.max(1, (weight * size) / 14);
    context.globalAlpha = 0.85;
    drawLine(context, position(face, point), position(face, neighbor));
  }
  context.strokeStyle = "#ff6ac1";
  context.lineWidth = Math.max(2, size / 80);
  context.beginPath();
  context.arc(...position(face, point), Math.max(4, size / 45), 0, 7);
  context.stroke();
}

// Draws the current path as a ring with a dark center, in the fill color: a hidden point.
function drawRing(context, size) {
  const color = context.fillStyle;
  context.fillStyle = "#14161c";
  context.fill();
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = Math.max(1, size / 200);
  context.stroke();
}

function drawLine(context, start, end) {
  context.beginPath();
  context.moveTo(...start);
  context.lineTo(...end);
  context.stroke();
  context.globalAlpha = 1;
}
