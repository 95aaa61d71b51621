/**
 * Faces of an image, and changes of all their points.
 *
 *   makeFace({ points, hidden, expected_errors })    as the server sends it; a point that the face does not have is null
 *   copyFace(face), toBody(faces)                    toBody leaves out faces that are not complete enough to be saved
 *   numKnown(face), firstMissing(face)               number of points that the face has; index of the first other one
 *   transformed(points, { move: [dx, dy], scale, turn }, center)     turn in degrees, clockwise
 */

export function makeFace({ points, hidden, expected_errors = null }) {
  return {
    points: points.map((point) => point && [...point]),
    hidden: [...hidden],
    expected_errors,
    get visibility() {
      return this.hidden.map((value) => (value ? 0 : 1)); // as drawing.js expects it
    },
  };
}

export const copyFace = (face) => makeFace(face);

export const emptyFace = (numPoints) =>
  makeFace({ points: Array(numPoints).fill(null), hidden: Array(numPoints).fill(false) });

export const numKnown = (face) => face.points.filter(Boolean).length;

export const firstMissing = (face) => face.points.findIndex((point) => !point);

export function toBody(faces) {
  return faces.filter((face) => numKnown(face) >= 2).map(({ points, hidden }) => ({ points, hidden }));
}

export function transformed(points, { move = [0, 0], scale = 1, turn = 0 }, [cx, cy]) {
  const angle = (turn * Math.PI) / 180;
  const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  return points.map((point) => {
    if (!point) return null;
    const [x, y] = [point[0] - cx, point[1] - cy];
    return [cx + move[0] + cos * x - sin * y, cy + move[1] + sin * x + cos * y];
  });
}
