// Runs @vladmandic/face-api for peers.py, on the WebAssembly backend with one thread.
//
//     node face_api.cjs FOLDER        FOLDER contains node_modules
//
// A request on stdin is a line of JSON, {"width", "height", "box"}, and then the RGB bytes of the image. With a box
// [x0, y0, x1, y1], edges in pixels, the landmarks in this box are predicted; with null, faces are detected first.
// The answer on stdout is a line of JSON: {"points", "boxes", "ms"}, as fractions of pixels from the edge of the image.

const path = require('path');
const readline = require('readline');

const folder = path.resolve(process.argv[2]);
const load = require('module').createRequire(path.join(folder, 'x.js'));
const answers = process.stdout.write.bind(process.stdout);
console.log = console.warn = console.info = (...parts) => process.stderr.write(parts.join(' ') + '\n');

function cut(data, width, height, box) {
  const [x0, y0] = [Math.max(0, Math.round(box[0])), Math.max(0, Math.round(box[1]))];
  const [x1, y1] = [Math.min(width, Math.round(box[2])), Math.min(height, Math.round(box[3]))];
  const part = new Uint8Array((x1 - x0) * (y1 - y0) * 3);
  for (let y = y0; y < y1; y++) {
    part.set(data.subarray((y * width + x0) * 3, (y * width + x1) * 3), (y - y0) * (x1 - x0) * 3);
  }
  return { part, x0, y0, width: x1 - x0, height: y1 - y0 };
}

async function main() {
  const tf = load('@tensorflow/tfjs');
  const wasm = load('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(path.join(path.dirname(load.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist') + path.sep);
  wasm.setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
  const package_ = path.dirname(load.resolve('@vladmandic/face-api/package.json'));
  const faceapi = load(path.join(package_, 'dist', 'face-api.node-wasm.js'));
  await faceapi.nets.ssdMobilenetv1.loadFromDisk(path.join(package_, 'model'));
  await faceapi.nets.faceLandmark68Net.loadFromDisk(path.join(package_, 'model'));

  async function predict(data, { width, height, box }) {
    if (box === null) {
      const image = tf.tensor3d(data, [height, width, 3], 'int32');
      const faces = await faceapi.detectAllFaces(image, new faceapi.SsdMobilenetv1Options()).withFaceLandmarks();
      image.dispose();
      return {
        points: faces.map((face) => face.landmarks.positions.map((p) => [p.x, p.y])),
        boxes: faces.map(({ detection: { box: b } }) => [b.x, b.y, b.x + b.width, b.y + b.height]),
      };
    }
    const crop = cut(data, width, height, box);
    const image = tf.tensor3d(crop.part, [crop.height, crop.width, 3], 'int32');
    const landmarks = await faceapi.detectFaceLandmarks(image);
    image.dispose();
    return { points: [landmarks.positions.map((p) => [p.x + crop.x0, p.y + crop.y0])], boxes: [box] };
  }

  const version = require(path.join(package_, 'package.json')).version;
  answers(JSON.stringify({ version, backend: tf.getBackend() }) + '\n');
  let buffer = Buffer.alloc(0);
  let request = null;
  for await (const chunk of process.stdin) {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      if (request === null) {
        const end = buffer.indexOf(10);
        if (end < 0) break;
        request = JSON.parse(buffer.subarray(0, end).toString());
        buffer = buffer.subarray(end + 1);
      }
      const size = request.width * request.height * 3;
      if (buffer.length < size) break;
      const data = new Uint8Array(buffer.subarray(0, size));
      buffer = buffer.subarray(size);
      const start = performance.now();
      const answer = await predict(data, request);
      answers(JSON.stringify({ ...answer, ms: performance.now() - start }) + '\n');
      request = null;
    }
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack || error}\n`);
  process.exit(1);
});
