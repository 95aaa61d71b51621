// The page: photos or the camera, with points drawn over them. All results come from POST v1/align of the same server.

import { $, copyCanvas, createCanvas, saveFile, toBlob } from "./dom.js";
import { drawEdges, drawFace, faceSize } from "./drawing_old.js";
import { cropFace, originalFaces, toCsv, toJson, toPts } from "./files.js";
import { request } from "./server.js";
import { zip } from "./zip.js";

const view = $("view");
const MAX_SIDE = 1600; // images are sent and shown at this size at most
const MAX_FILE_BYTES = 60e6;

let models = [];
// A photo: {name, image: canvas, paint: canvas, isPainted, result, times, problems, button, frameRate,
// shrink: pixels of the image per pixel of the opened photo, along x and y}
let photos = [];
let shown = null; // the photo in the view
let selected = null; // the selected point: {face, point}
let camera = null; // {video, stream}
let cameraRequest = null; // while the browser asks the user to allow the camera
let isAligning = false;
let isOutdated = false; // the shown photo has changed since it was sent

const tool = () => document.querySelector('input[name="tool"]:checked').value;
const model = () => models.find(({ name }) => name === (shown?.result?.model ?? $("model").value));
const pointNames = () => model()?.names ?? [];

// ---- alignment ------------------------------------------------------------------------------------------------------

function paintedImage(photo) {
  const canvas = copyCanvas(photo.image);
  canvas.getContext("2d").drawImage(photo.paint, 0, 0);
  return canvas;
}

async function align(photo) {
  if (isAligning) {
    isOutdated = true; // only the newest state is sent
    return;
  }
  isAligning = true;
  try {
    await (modelsLoaded = modelsLoaded.catch(loadModels)); // a photo may be dropped before the models are loaded
    const start = performance.now();
    const requested = $("model").value;
    const body = await toBlob(paintedImage(photo));
    const encoded = performance.now();
    const path = `v1/align?model=${encodeURIComponent(requested)}&edge_weights=${tool() === "edges"}`;
    const result = await (await request(path, { method: "POST", body })).json();
    const end = performance.now();
    if (requested !== $("model").value) return; // another model was chosen meanwhile, and its request follows
    photo.result = result;
    photo.times = { encode: encoded - start, ...result.milliseconds, total: end - start };
    if (photo === shown) {
      isOutdated ||= needsEdges(photo); // the tool was chosen meanwhile
      showMessage(describe(photo));
      draw();
    }
  } catch (error) {
    photo.result = null;
    if (photo === shown) {
      showMessage(error.message, true);
      draw();
    }
  } finally {
    isAligning = false;
    if (isOutdated && shown) {
      isOutdated = false;
      align(shown);
    }
  }
}

// Whether edge weights are to be shown that the result does not contain.
const needsEdges = ({ result }) => tool() === "edges" && result.faces.some(({ edge_weights }) => !edge_weights);

function describe({ result: { faces }, problems = "" }) {
  const count = faces.length === 1 ? "One face." : `${faces.length} faces.`;
  return `${faces.length ? count : "No face was found in this image."} ${problems}`.trim();
}

// ---- photos and camera ----------------------------------------------------------------------------------------------

async function openPhoto(file) {
  if (!file.type.startsWith("image/")) throw new Error(`${file.name} is not an image.`);
  if (file.size > MAX_FILE_BYTES) throw new Error(`${file.name} is larger than 60 MB. Make it smaller first.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} cannot be read: it is damaged, or this browser does not support its format.`);
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const image = createCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  image.getContext("2d").drawImage(bitmap, 0, 0, image.width, image.height);
  const shrink = [image.width / bitmap.width, image.height / bitmap.height]; // each side is rounded by itself
  return { name: file.name, shrink, image, paint: createCanvas(image.width, image.height), result: null };
}

async function openPhotos(files) {
  stopCamera();
  const opened = [];
  const problems = [];
  for (const file of files) {
    try {
      opened.push(await openPhoto(file));
    } catch (error) {
      problems.push(error.message);
    }
  }
  for (const photo of opened) {
    photos.push(photo);
    addThumbnail(photo);
  }
  if (opened.length) {
    opened[0].problems = problems.join(" "); // shown together with its result
    show(opened[0]);
  } else if (problems.length) {
    showMessage(problems.join(" "), true);
  }
}

function addThumbnail(photo) {
  const button = document.createElement("button");
  const image = document.createElement("img");
  image.src = photo.image.toDataURL("image/jpeg", 0.5);
  image.alt = photo.name;
  button.append(image);
  button.onclick = () => show(photo);
  photo.button = button;
  $("photos").append(button);
}

function show(photo) {
  if (photo !== shown) stopCamera();
  shown = photo;
  selected = null;
  $("empty").hidden = true;
  for (const { button } of photos) button.setAttribute("aria-pressed", String(button === photo.button));
  $("clear").disabled = !photo.isPainted;
  showMessage("Finding faces ...");
  draw();
  if (photo.result && !needsEdges(photo)) {
    showMessage(describe(photo));
  } else {
    align(photo);
  }
}

async function startCamera() {
  if (cameraRequest) return;
  const thisRequest = (cameraRequest = {});
  try {
    if (!navigator.mediaDevices) throw new Error("browsers allow it on 127.0.0.1 and over HTTPS only");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: "user" } });
    const video = document.createElement("video");
    if (cameraRequest !== thisRequest) {
      for (const track of stream.getTracks()) track.stop(); // a photo was opened meanwhile
      return;
    }
    cameraRequest = null;
    camera = { video, stream };
    video.srcObject = stream;
    video.playsInline = true;
    await video.play();
    $("camera").setAttribute("aria-pressed", "true");
    const [width, height] = [video.videoWidth, video.videoHeight];
    const image = createCanvas(width, height);
    const photo = { name: "camera", shrink: [1, 1], image, paint: createCanvas(width, height), result: null };
    shown = photo;
    selected = null;
    for (const { button } of photos) button.setAttribute("aria-pressed", "false");
    $("clear").disabled = true;
    $("empty").hidden = true;
    let frameTimes = [];
    let pause = 0; // milliseconds, doubled by each failure
    while (camera?.video === video) {
      image.getContext("2d").drawImage(video, 0, 0);
      await align(photo);
      frameTimes = [...frameTimes.filter((t) => performance.now() - t < 2000), performance.now()];
      const seconds = (frameTimes.at(-1) - frameTimes[0]) / 1000;
      photo.frameRate = seconds ? (frameTimes.length - 1) / seconds : 0;
      pause = photo.result ? 0 : Math.min(8000, 2 * pause || 500);
      await new Promise((resolve) => (pause ? setTimeout(resolve, pause) : requestAnimationFrame(resolve)));
    }
  } catch (error) {
    stopCamera();
    const messages = {
      NotFoundError: "No camera was found.",
      NotAllowedError: "Access to the camera was denied. Allow it for this page in the browser.",
      NotReadableError: "Another program is using the camera.",
    };
    showMessage(messages[error.name] ?? `The camera cannot be used: ${error.message}.`, true);
  }
}

function stopCamera() {
  cameraRequest = null;
  for (const track of camera?.stream.getTracks() ?? []) track.stop();
  camera = null;
  $("camera").setAttribute("aria-pressed", "false");
}

// ---- drawing and tables ---------------------------------------------------------------------------------------------

const isUnlimited = () => $("limit").value === $("limit").max;

function isVisible(face, i) {
  return isUnlimited() || face.expected_errors[i] / faceSize(face) <= Number($("limit").value) / 100;
}

function draw(canvas = view) {
  if (!shown) return;
  const context = canvas.getContext("2d");
  [canvas.width, canvas.height] = [shown.image.width, shown.image.height];
  context.drawImage(shown.image, 0, 0);
  context.drawImage(shown.paint, 0, 0);
  const faces = shown.result?.faces ?? [];
  for (const face of faces) {
    drawFace(context, face, { lines: model()?.lines ?? [], isVisible: (i) => isVisible(face, i), numbers: $("numbers").checked });
  }
  if (selected && tool() === "edges" && faces[selected.face]) drawEdges(context, faces[selected.face], selected.point);
  if (canvas === view) showTables(faces);
}

// The same as text, which screen readers can read.
function showTables(faces) {
  const rows = faces.map((face, i) => {
    const mean = face.expected_errors.reduce((a, b) => a + b, 0) / face.expected_errors.length;
    const percent = (100 * mean) / faceSize(face);
    const pose = face.pose ? [face.pose.yaw, face.pose.pitch, face.pose.roll].map((angle) => `${Math.round(angle)}°`).join(", ") : "";
    const cells = [i + 1, face.score.toFixed(2), `${Math.round(faceSize(face))} px`, `${percent.toFixed(1)} %`, pose];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  $("faces").innerHTML = rows.length
    ? `<table><tr><th>face</th><th>score</th><th>size</th><th>expected error</th><th>yaw, pitch, roll</th></tr>${rows.join("")}</table>`
    : "";
  showEdgeTable(selected && tool() === "edges" ? faces[selected.face] : null);
  for (const button of document.querySelectorAll("[data-save]")) button.disabled = !faces.length;
  const times = shown?.times;
  $("times").textContent = times
    ? `${shown.frameRate ? `${shown.frameRate.toFixed(1)} frames/s; ` : ""}${times.total.toFixed(0)} ms in total: ` +
      `${times.encode.toFixed(0)} to encode the image, ${times.decode.toFixed(0)} to decode it, ` +
      `${times.find.toFixed(0)} to find faces and points`
    : "";
}

function showEdgeTable(face) {
  const names = pointNames();
  const edges = (face?.edge_weights ?? []).filter(([start]) => start === selected.point).sort((a, b) => b[2] - a[2]);
  const rows = edges.map(([, neighbor, weight]) => {
    const name = neighbor === selected.point ? "itself" : names[neighbor];
    return `<tr><td>${name}</td><td>${(100 * weight).toFixed(0)} %</td></tr>`;
  });
  $("edge-weights").hidden = !rows.length;
  $("edge-weights").innerHTML = rows.length
    ? `<table><caption>Edge weights of ${names[selected.point]}</caption>${rows.join("")}</table>`
    : "";
}

function showMessage(text, isError = false) {
  if ($("message").textContent !== text) $("message").textContent = text; // screen readers read it each time it is set
  $("message").classList.toggle("wrong", isError);
}

// ---- mouse and keyboard ---------------------------------------------------------------------------------------------

function eventPosition(event) {
  const box = view.getBoundingClientRect();
  return [((event.clientX - box.left) * view.width) / box.width, ((event.clientY - box.top) * view.height) / box.height];
}

function nearestPoint([x, y]) {
  let best = null;
  (shown?.result?.faces ?? []).forEach((face, f) => {
    face.points.forEach(([px, py], i) => {
      const distance = Math.hypot(px + 0.5 - x, py + 0.5 - y);
      if (isVisible(face, i) && distance < faceSize(face) / 12 && distance < (best?.distance ?? Infinity)) {
        best = { face: f, point: i, distance };
      }
    });
  });
  return best;
}

function showTip(found) {
  $("tip").hidden = !found;
  if (!found) return;
  const face = shown.result.faces[found.face];
  const [x, y] = face.points[found.point];
  $("tip").textContent = describePoint(face, found.point);
  $("tip").style.left = `${(100 * (x + 0.5)) / view.width}%`;
  $("tip").style.top = `${(100 * (y + 0.5)) / view.height}%`;
}

function describePoint(face, point) {
  const visibility = face.visibility ? `, visible ${Math.round(100 * face.visibility[point])} %` : "";
  return `${point} ${pointNames()[point] ?? ""}, expected error ${face.expected_errors[point].toFixed(1)} px${visibility}`;
}

let strokeEnd = null; // the last position of the brush while it paints

view.addEventListener("pointerdown", (event) => {
  if (!shown) return;
  if (tool() === "paint") {
    view.setPointerCapture(event.pointerId);
    strokeEnd = eventPosition(event);
    paintTo(strokeEnd);
  } else {
    selected = nearestPoint(eventPosition(event));
    showTip(selected);
    draw();
  }
});
view.addEventListener("pointermove", (event) => {
  if (!event.buttons) strokeEnd = null; // a menu or a gesture may have received the pointerup event
  if (strokeEnd) {
    paintTo(eventPosition(event));
  } else if (shown && tool() !== "paint") {
    showTip(nearestPoint(eventPosition(event)));
  }
});
view.addEventListener("pointerup", () => {
  strokeEnd = null;
});
view.addEventListener("pointerleave", () => showTip(null));

function paintTo(end) {
  const context = shown.paint.getContext("2d");
  const face = shown.result?.faces[0];
  context.strokeStyle = "#8a7a6c";
  context.lineWidth = face ? faceSize(face) / 5 : shown.image.width / 12;
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(...strokeEnd);
  context.lineTo(...end);
  context.stroke();
  strokeEnd = end;
  shown.isPainted = true;
  $("clear").disabled = false;
  draw();
  if (!camera) align(shown);
}

view.addEventListener("keydown", (event) => {
  const faces = shown?.result?.faces ?? [];
  const point = faces[selected?.face]?.points[selected.point];
  if (tool() === "paint" && point && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    strokeEnd = point;
    paintTo([point[0] + 0.5, point[1] + 0.5]);
    strokeEnd = null;
    return;
  }
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!faces.length || !step) return;
  event.preventDefault();
  const all = faces.flatMap((face, f) => face.points.map((_, i) => ({ face: f, point: i })).filter(({ point }) => isVisible(face, point)));
  if (!all.length) return;
  const current = all.findIndex(({ face, point }) => face === selected?.face && point === selected?.point);
  const start = current < 0 && step < 0 ? 0 : current; // without a selection: to the first or the last point
  selected = all[(start + step + all.length) % all.length];
  showTip(selected);
  showMessage(describePoint(faces[selected.face], selected.point));
  draw();
});

// ---- downloads ------------------------------------------------------------------------------------------------------

async function download(kind) {
  const stem = shown.name.replace(/\.[^.]*$/, "") || "faces";
  const { faces } = shown.result;
  if (["pts", "crops"].includes(kind) && !faces.length) throw new Error("There is no face to download.");
  const toText = { json: toJson, csv: toCsv, pts: toPts }[kind];
  if (toText) {
    saveFile(new Blob([toText(shown.name, originalFaces(shown))], { type: "text/plain" }), `${stem}.${kind}`);
  } else if (kind === "png") {
    const canvas = createCanvas(1, 1);
    draw(canvas);
    saveFile(await toBlob(canvas, "image/png"), `${stem}_faces.png`);
  } else {
    const source = paintedImage(shown);
    const crops = [];
    for (const [i, face] of faces.entries()) {
      crops.push([`${stem}_${i}.png`, await toBlob(cropFace(source, face, pointNames()), "image/png")]);
    }
    const [[name, first]] = crops;
    if (crops.length > 1) saveFile(await zip(crops), `${stem}_crops.zip`);
    else saveFile(first, name);
  }
}

// ---- controls -------------------------------------------------------------------------------------------------------

$("files").onchange = ({ target }) => {
  openPhotos([...target.files]);
  target.value = ""; // so that the same photo can be opened again
};
$("sample").onclick = async () => {
  try {
    const data = await (await request("sample.jpg")).blob();
    openPhotos([new File([data], "sample.jpg", { type: "image/jpeg" })]);
  } catch (error) {
    showMessage(error.message, true);
  }
};
$("camera").onclick = () => (camera ? stopCamera() : startCamera());
$("model").onchange = () => {
  for (const photo of photos) photo.result = null;
  if (shown && !camera) {
    shown.result = null; // it may be the last image of the camera, which is not in the list
    show(shown);
  }
  $("license").textContent = model()?.license ?? "";
};
$("limit").oninput = () => {
  const text = isUnlimited() ? "no limit" : `${$("limit").value} %`;
  $("limit-value").textContent = text;
  $("limit").setAttribute("aria-valuetext", text);
  draw();
};
$("numbers").onchange = () => draw();
$("clear").onclick = () => {
  shown.paint = createCanvas(shown.image.width, shown.image.height);
  shown.isPainted = false;
  $("clear").disabled = true;
  draw();
  if (!camera) align(shown);
};
for (const radio of document.querySelectorAll('input[name="tool"]')) {
  radio.onchange = () => {
    view.classList.toggle("painting", tool() === "paint");
    draw();
    if (shown?.result && needsEdges(shown) && !camera) align(shown);
  };
}
for (const button of document.querySelectorAll("[data-save]")) {
  button.onclick = () => download(button.dataset.save).catch((error) => showMessage(error.message, true));
}
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) openPhotos(files);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("frame").classList.toggle("over", kind === "dragover");
    if (kind === "drop") openPhotos(event.dataTransfer.files);
  });
}

async function loadModels() {
  models = await (await request("v1/models")).json();
  $("model").append(...models.map(({ name, num_points }) => new Option(`${name}, ${num_points} points`, name)));
  $("model").value = models.find((entry) => entry.default)?.name ?? models[0].name;
  $("license").textContent = model()?.license ?? "";
}

let modelsLoaded = loadModels();
modelsLoaded.catch((error) => showMessage(error.message, true));
