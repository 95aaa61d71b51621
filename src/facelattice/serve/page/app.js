// The page: photos or the camera in, points over them. Everything it shows comes from POST v1/align of the same server.

import { zip } from "./zip.js";

const $ = (id) => document.getElementById(id);
const view = $("view");
const pen = view.getContext("2d");
const MOST_SIDE = 1600; // pictures are sent no larger than this, and shown as they are sent
const UNSURE = 0.08; // an expected error of this share of the face is the red end of the scale

let models = [];
let photos = []; // {name, shrink: pixels of picture in one of the photo's, along x and y, picture: canvas, paint: canvas, painted, answer}
let shown = null; // the photo on the stage
let chosen = null; // {face, point} that was clicked or walked to
let camera = null; // {video, stream}
let starting = null; // the camera, while the user is asked for it
let busy = false;
let waiting = false;
let token = sessionStorage.getItem("token") ?? "";
let asking = null; // for the token

// ---- talking to the server ------------------------------------------------------------------------------------------

async function ask(path, options = {}) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(token)); // headers hold bytes, and the server's are UTF-8
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${bytes}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The server does not answer. Is facelattice serve still running?");
  }
  if (answer.status === 401) {
    await (asking ??= askForToken().finally(() => (asking = null))); // once, however many requests want it
    return ask(path, options);
  }
  if (!answer.ok) {
    const { detail } = await answer.json().catch(() => ({}));
    const words = typeof detail === "string" ? detail : `status ${answer.status}`;
    if (answer.status === 503) throw new Error("The server is busy. Try again in a moment.");
    throw new Error(`The picture was not taken: ${words}.`);
  }
  return answer;
}

function askForToken() {
  return new Promise((resolve, reject) => {
    const dialog = $("token-dialog");
    $("token-wrong").hidden = !token;
    dialog.returnValue = "";
    dialog.onclose = () => {
      if (dialog.returnValue !== "given") return reject(new Error("This server wants a token."));
      token = $("token").value;
      sessionStorage.setItem("token", token);
      resolve();
    };
    dialog.showModal();
  });
}

function blob(canvas, kind = "image/jpeg", quality = 0.92) {
  return new Promise((resolve) => canvas.toBlob(resolve, kind, quality));
}

// What is sent is what is seen: the picture with the paint on it.
function painted(photo) {
  const both = copy(photo.picture);
  both.getContext("2d").drawImage(photo.paint, 0, 0);
  return both;
}

async function align(photo) {
  if (busy) {
    waiting = true; // only the newest state is worth asking for
    return;
  }
  busy = true;
  try {
    await (ready = ready.catch(loadModels)); // a photo may be dropped before the models are known
    const start = performance.now();
    const asked = $("model").value;
    const body = await blob(painted(photo));
    const encoded = performance.now();
    const path = `v1/align?model=${encodeURIComponent(asked)}&listening=${tool() === "graph"}`;
    const answer = await (await ask(path, { method: "POST", body })).json();
    const end = performance.now();
    if (asked !== $("model").value) return; // another was chosen meanwhile, and is asked next
    photo.answer = answer;
    photo.times = { encode: encoded - start, ...answer.milliseconds, all: end - start };
    if (photo === shown) {
      waiting ||= unheard(photo); // that was chosen meanwhile
      say(describe(photo));
      draw();
    }
  } catch (error) {
    photo.answer = null;
    if (photo === shown) {
      say(error.message, true);
      draw();
    }
  } finally {
    busy = false;
    if (waiting && shown) {
      waiting = false;
      align(shown);
    }
  }
}

// Whether it is not known whom the points of an answered photo listen to, while that is to be shown.
const unheard = ({ answer }) => tool() === "graph" && answer.faces.some(({ listening }) => !listening);

function describe({ answer: { faces }, problems = "" }) {
  const count = faces.length === 1 ? "One face." : `${faces.length} faces.`;
  return `${faces.length ? count : "No face was found in this picture."} ${problems}`.trim();
}

// ---- pictures in ----------------------------------------------------------------------------------------------------

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

function copy(source) {
  const canvas = canvasOf(source.width, source.height);
  canvas.getContext("2d").drawImage(source, 0, 0);
  return canvas;
}

async function open(file) {
  if (!file.type.startsWith("image/")) throw new Error(`${file.name} is not a picture.`);
  if (file.size > 60e6) throw new Error(`${file.name} is larger than 60 MB. Make it smaller first.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} cannot be read: it is damaged, or of a kind that this browser does not know.`);
  }
  const most = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const picture = canvasOf(Math.max(1, Math.round(bitmap.width * most)), Math.max(1, Math.round(bitmap.height * most)));
  picture.getContext("2d").drawImage(bitmap, 0, 0, picture.width, picture.height);
  const shrink = [picture.width / bitmap.width, picture.height / bitmap.height]; // sides are rounded, each its own way
  return { name: file.name, shrink, picture, paint: canvasOf(picture.width, picture.height), answer: null };
}

async function take(files) {
  stopCamera();
  const taken = [];
  const problems = [];
  for (const file of files) {
    try {
      taken.push(await open(file));
    } catch (error) {
      problems.push(error.message);
    }
  }
  for (const photo of taken) {
    photos.push(photo);
    thumbnail(photo);
  }
  if (taken.length) {
    taken[0].problems = problems.join(" "); // said with what is found in it
    show(taken[0]);
  } else if (problems.length) {
    say(problems.join(" "), true);
  }
}

function thumbnail(photo) {
  const button = document.createElement("button");
  const image = document.createElement("img");
  image.src = photo.picture.toDataURL("image/jpeg", 0.5);
  image.alt = photo.name;
  button.append(image);
  button.onclick = () => show(photo);
  photo.button = button;
  $("photos").append(button);
}

function show(photo) {
  if (photo !== shown) stopCamera();
  shown = photo;
  chosen = null;
  $("empty").hidden = true;
  for (const { button } of photos) button.setAttribute("aria-pressed", String(button === photo.button));
  $("clear").disabled = !photo.painted;
  say("Looking ...");
  draw();
  if (photo.answer && !unheard(photo)) {
    say(describe(photo));
  } else {
    align(photo);
  }
}

async function startCamera() {
  if (starting) return; // one question to the user at a time
  const mine = (starting = {});
  try {
    if (!navigator.mediaDevices) throw new Error("browsers allow it on 127.0.0.1 and over HTTPS only");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: "user" } });
    const video = document.createElement("video");
    if (starting !== mine) {
      for (const track of stream.getTracks()) track.stop(); // a photo was opened meanwhile
      return;
    }
    starting = null;
    camera = { video, stream };
    video.srcObject = stream;
    video.playsInline = true;
    await video.play();
    $("camera").setAttribute("aria-pressed", "true");
    const [width, height] = [video.videoWidth, video.videoHeight];
    const photo = { name: "camera", shrink: [1, 1], picture: canvasOf(width, height), paint: canvasOf(width, height), answer: null };
    shown = photo;
    chosen = null;
    for (const { button } of photos) button.setAttribute("aria-pressed", "false");
    $("clear").disabled = true;
    $("empty").hidden = true;
    let frames = [];
    let pause = 0; // milliseconds, longer with each failure
    while (camera?.video === video) {
      photo.picture.getContext("2d").drawImage(video, 0, 0);
      await align(photo);
      frames = [...frames.filter((t) => performance.now() - t < 2000), performance.now()];
      photo.rate = frames.length > 1 ? (1000 * (frames.length - 1)) / (frames.at(-1) - frames[0]) : 0;
      pause = photo.answer ? 0 : Math.min(8000, 2 * pause || 500);
      await new Promise((resolve) => (pause ? setTimeout(resolve, pause) : requestAnimationFrame(resolve)));
    }
  } catch (error) {
    stopCamera();
    const words = {
      NotFoundError: "There is no camera on this machine.",
      NotAllowedError: "The camera may not be used. Allow it for this page in the browser.",
      NotReadableError: "The camera is used by another program.",
    };
    say(words[error.name] ?? `The camera cannot be used: ${error.message}`, true);
  }
}

function stopCamera() {
  starting = null;
  for (const track of camera?.stream.getTracks() ?? []) track.stop();
  camera = null;
  $("camera").setAttribute("aria-pressed", "false");
}

// ---- drawing --------------------------------------------------------------------------------------------------------

const side = ([x0, y0, x1, y1]) => Math.max(x1 - x0, y1 - y0);
const model = () => models.find(({ name }) => name === (shown?.answer?.model ?? $("model").value));

// Blue to yellow to red, by the expected error as a share of the face.
function color(share) {
  const t = Math.min(1, share / UNSURE);
  const stops = [[64, 208, 255], [255, 225, 77], [255, 77, 94]];
  const [from, to] = t < 0.5 ? [stops[0], stops[1]] : [stops[1], stops[2]];
  const part = t < 0.5 ? 2 * t : 2 * t - 1;
  return `rgb(${from.map((value, i) => Math.round(value + part * (to[i] - value))).join(" ")})`;
}

const unlimited = () => $("limit").value === $("limit").max;

function visible(face, i) {
  return unlimited() || face.expected_errors[i] / side(face.box) <= Number($("limit").value) / 100;
}

function draw(canvas = view, brush = pen) {
  if (!shown) return;
  [canvas.width, canvas.height] = [shown.picture.width, shown.picture.height];
  brush.drawImage(shown.picture, 0, 0);
  brush.drawImage(shown.paint, 0, 0);
  const faces = shown.answer?.faces ?? [];
  for (const face of faces) drawFace(brush, face);
  if (chosen && tool() === "graph" && faces[chosen.face]) drawListening(brush, faces[chosen.face], chosen.point);
  if (canvas === view) tell(faces);
}

function drawFace(brush, face) {
  const size = side(face.box);
  const at = (i) => face.points[i].map((value) => value + 0.5); // whole numbers are the middles of pixels
  const [x0, y0, x1, y1] = face.box;
  brush.lineWidth = Math.max(1, size / 200);
  brush.strokeStyle = "rgb(255 255 255 / 0.55)";
  brush.strokeRect(x0, y0, x1 - x0, y1 - y0);
  brush.font = `600 ${Math.max(11, size / 16)}px system-ui`;
  brush.fillStyle = "#fff";
  brush.fillText(face.score.toFixed(2), x0, y0 - size / 40);
  for (const line of model()?.lines ?? []) {
    for (let k = 1; k < line.length; k++) {
      const [a, b] = [line[k - 1], line[k]];
      if (!visible(face, a) || !visible(face, b)) continue;
      brush.strokeStyle = color((face.expected_errors[a] + face.expected_errors[b]) / 2 / size);
      brush.globalAlpha = 0.6;
      brush.beginPath();
      brush.moveTo(...at(a));
      brush.lineTo(...at(b));
      brush.stroke();
      brush.globalAlpha = 1;
    }
  }
  brush.font = `${Math.max(8, size / 28)}px system-ui`;
  face.points.forEach((_, i) => {
    if (!visible(face, i)) return;
    brush.fillStyle = color(face.expected_errors[i] / size);
    brush.beginPath();
    brush.arc(...at(i), Math.max(1.5, size / 95), 0, 7);
    brush.fill();
    if ($("numbers").checked) brush.fillText(i, at(i)[0] + size / 70, at(i)[1] - size / 90);
  });
}

function drawListening(brush, face, point) {
  const size = side(face.box);
  const at = (i) => face.points[i].map((value) => value + 0.5);
  for (const [listener, speaker, weight] of face.listening ?? []) {
    if (listener !== point || speaker === point) continue;
    brush.strokeStyle = "#fff";
    brush.lineWidth = Math.max(1, (weight * size) / 14);
    brush.globalAlpha = 0.85;
    brush.beginPath();
    brush.moveTo(...at(point));
    brush.lineTo(...at(speaker));
    brush.stroke();
    brush.globalAlpha = 1;
  }
  brush.strokeStyle = "#ff6ac1";
  brush.lineWidth = Math.max(2, size / 80);
  brush.beginPath();
  brush.arc(...at(point), Math.max(4, size / 45), 0, 7);
  brush.stroke();
}

// The same in words and tables, for everyone and for screen readers.
function tell(faces) {
  const rows = faces.map((face, i) => {
    const share = (100 * face.expected_errors.reduce((a, b) => a + b, 0)) / face.expected_errors.length / side(face.box);
    return `<tr><td>${i + 1}</td><td>${face.score.toFixed(2)}</td><td>${Math.round(side(face.box))} px</td><td>${share.toFixed(1)} %</td></tr>`;
  });
  $("faces").innerHTML = rows.length
    ? `<table><tr><th>face</th><th>score</th><th>size</th><th>expected error</th></tr>${rows.join("")}</table>`
    : "";
  const face = chosen && faces[chosen.face];
  const names = model()?.names ?? [];
  const edges = face && tool() === "graph"
    ? (face.listening ?? []).filter(([i]) => i === chosen.point).sort((a, b) => b[2] - a[2])
    : [];
  $("listening").hidden = !edges.length;
  $("listening").innerHTML = edges.length
    ? `<table><caption>${names[chosen.point]} listens to</caption>${edges
        .map(([, j, weight]) => `<tr><td>${j === chosen.point ? "itself" : names[j]}</td><td>${(100 * weight).toFixed(0)} %</td></tr>`)
        .join("")}</table>`
    : "";
  for (const button of document.querySelectorAll("[data-save]")) button.disabled = !faces.length;
  const times = shown?.times;
  $("times").textContent = times
    ? `${shown.rate ? `${shown.rate.toFixed(1)} frames/s; ` : ""}${times.all.toFixed(0)} ms in all: ` +
      `${times.encode.toFixed(0)} to pack the picture, ${times.decode.toFixed(0)} to open it, ` +
      `${times.find.toFixed(0)} to find faces and points`
    : "";
}

function say(words, wrong = false) {
  if ($("message").textContent !== words) $("message").textContent = words; // screen readers say it each time it is set
  $("message").classList.toggle("wrong", wrong);
}

// ---- pointing, painting, walking ------------------------------------------------------------------------------------

const tool = () => document.querySelector('input[name="tool"]:checked').value;

function place(event) {
  const box = view.getBoundingClientRect();
  return [((event.clientX - box.left) * view.width) / box.width, ((event.clientY - box.top) * view.height) / box.height];
}

function nearest([x, y]) {
  let best = null;
  (shown?.answer?.faces ?? []).forEach((face, f) => {
    face.points.forEach(([px, py], i) => {
      const distance = Math.hypot(px + 0.5 - x, py + 0.5 - y);
      if (visible(face, i) && distance < side(face.box) / 12 && distance < (best?.distance ?? Infinity)) {
        best = { face: f, point: i, distance };
      }
    });
  });
  return best;
}

function tip(found) {
  $("tip").hidden = !found;
  if (!found) return;
  const face = shown.answer.faces[found.face];
  const [x, y] = face.points[found.point];
  $("tip").textContent = words(face, found.point);
  $("tip").style.left = `${(100 * (x + 0.5)) / view.width}%`;
  $("tip").style.top = `${(100 * (y + 0.5)) / view.height}%`;
}

function words(face, point) {
  return `${point} ${model()?.names[point] ?? ""}, off by ${face.expected_errors[point].toFixed(1)} px or so`;
}

let stroke = null;

view.addEventListener("pointerdown", (event) => {
  if (!shown) return;
  if (tool() === "paint") {
    view.setPointerCapture(event.pointerId);
    stroke = place(event);
    paintTo(stroke);
  } else {
    chosen = nearest(place(event));
    tip(chosen);
    draw();
  }
});
view.addEventListener("pointermove", (event) => {
  if (!event.buttons) stroke = null; // its end may have gone to a menu, or been a gesture
  if (stroke) {
    paintTo(place(event));
  } else if (shown && tool() !== "paint") {
    tip(nearest(place(event)));
  }
});
view.addEventListener("pointerup", () => {
  stroke = null;
});
view.addEventListener("pointerleave", () => tip(null));

function paintTo(to) {
  const brush = shown.paint.getContext("2d");
  const face = shown.answer?.faces[0];
  brush.strokeStyle = "#8a7a6c";
  brush.lineWidth = face ? side(face.box) / 5 : shown.picture.width / 12;
  brush.lineCap = "round";
  brush.beginPath();
  brush.moveTo(...stroke);
  brush.lineTo(...to);
  brush.stroke();
  stroke = to;
  shown.painted = true;
  $("clear").disabled = false;
  draw();
  if (!camera) align(shown);
}

view.addEventListener("keydown", (event) => {
  const faces = shown?.answer?.faces ?? [];
  const point = faces[chosen?.face]?.points[chosen.point];
  if (tool() === "paint" && point && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    stroke = point;
    paintTo([point[0] + 0.5, point[1] + 0.5]);
    stroke = null;
    return;
  }
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!faces.length || !step) return;
  event.preventDefault();
  const all = faces.flatMap((face, f) => face.points.map((_, i) => ({ face: f, point: i })).filter(({ point }) => visible(face, point)));
  if (!all.length) return;
  const now = all.findIndex(({ face, point }) => face === chosen?.face && point === chosen?.point);
  const from = now < 0 && step < 0 ? 0 : now; // from none, to the first or the last
  chosen = all[(from + step + all.length) % all.length];
  tip(chosen);
  say(words(faces[chosen.face], chosen.point));
  draw();
});

// ---- out ------------------------------------------------------------------------------------------------------------

function save(data, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Faces in pixels of the photo as it was chosen, which may be larger than what is shown. Whole numbers are pixel centers.
function original({ answer, shrink }) {
  const there = (value, k) => Math.round(100 * ((value + 0.5) / shrink[k % 2] - 0.5)) / 100; // x and y take turns
  return answer.faces.map(({ listening, ...face }) => ({
    ...face,
    box: face.box.map(there),
    points: face.points.map((point) => point.map(there)),
    errors: face.expected_errors.map((error) => Math.round((100 * error) / Math.min(...shrink)) / 100),
  }));
}

function table(name, faces) {
  const points = faces[0]?.points ?? [];
  const quoted = /[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
  const rows = faces.map(({ score, points }, i) => [quoted, i, score, ...points.flat()]);
  return [["image", "face", "score", ...points.flatMap((_, i) => [`x${i}`, `y${i}`])], ...rows].join("\n") + "\n";
}

// The best face, counted from 1 as such files are.
function pts([{ points }]) {
  const lines = points.map(([x, y]) => `${(x + 1).toFixed(4)} ${(y + 1).toFixed(4)}`);
  return `version: 1\nn_points: ${points.length}\n{\n${lines.join("\n")}\n}\n`;
}

async function download(kind) {
  const stem = shown.name.replace(/\.[^.]*$/, "") || "faces";
  const { faces } = shown.answer;
  if (["pts", "crops"].includes(kind) && !faces.length) throw new Error("There is no face to save.");
  const text = {
    json: (all) => JSON.stringify({ image: shown.name, faces: all }),
    csv: (all) => table(shown.name, all),
    pts,
  }[kind];
  if (text) {
    save(new Blob([text(original(shown))], { type: "text/plain" }), `${stem}.${kind}`);
  } else if (kind === "png") {
    const canvas = canvasOf(1, 1);
    draw(canvas, canvas.getContext("2d"));
    save(await blob(canvas, "image/png"), `${stem}_faces.png`);
  } else {
    const source = painted(shown);
    const crops = [];
    for (const [i, face] of faces.entries()) crops.push([`${stem}_${i}.png`, await blob(crop(source, face), "image/png")]);
    const [[name, first]] = crops;
    if (crops.length > 1) save(await zip(crops), `${stem}_crops.zip`);
    else save(first, name);
  }
}

// The face upright and centerd, 256 px, with half its size around it.
function crop(source, face) {
  const size = 256;
  const canvas = canvasOf(size, size);
  const brush = canvas.getContext("2d");
  const names = model()?.names ?? [];
  const [left, right] = ["left_eye_outer", "right_eye_outer"].map((name) => face.points[names.indexOf(name)]);
  const angle = left && right ? Math.atan2(right[1] - left[1], right[0] - left[0]) : 0;
  const [x0, y0, x1, y1] = face.box;
  const scale = size / (1.5 * side(face.box));
  brush.translate(size / 2, size / 2);
  brush.rotate(-angle);
  brush.scale(scale, scale);
  brush.drawImage(source, -(x0 + x1) / 2 - 0.5, -(y0 + y1) / 2 - 0.5);
  return canvas;
}

// ---- wiring ---------------------------------------------------------------------------------------------------------

$("files").onchange = ({ target }) => {
  take([...target.files]);
  target.value = ""; // so that the same photo can be opened again
};
$("sample").onclick = async () => {
  try {
    const data = await (await ask("sample.jpg")).blob();
    take([new File([data], "sample.jpg", { type: "image/jpeg" })]);
  } catch (error) {
    say(error.message, true);
  }
};
$("camera").onclick = () => (camera ? stopCamera() : startCamera());
$("model").onchange = () => {
  for (const photo of photos) photo.answer = null;
  if (shown && !camera) {
    shown.answer = null; // it may be the camera's last picture, which is none of the photos
    show(shown);
  }
  $("license").textContent = model()?.license ?? "";
};
$("limit").oninput = () => {
  const words = unlimited() ? "no limit" : `${$("limit").value} %`;
  $("limit-value").textContent = words;
  $("limit").setAttribute("aria-valuetext", words);
  draw();
};
$("numbers").onchange = () => draw();
$("clear").onclick = () => {
  shown.paint = canvasOf(shown.picture.width, shown.picture.height);
  shown.painted = false;
  $("clear").disabled = true;
  draw();
  if (!camera) align(shown);
};
for (const radio of document.querySelectorAll('input[name="tool"]')) {
  radio.onchange = () => {
    view.classList.toggle("painting", tool() === "paint");
    draw();
    if (shown?.answer && unheard(shown) && !camera) align(shown);
  };
}
for (const button of document.querySelectorAll("[data-save]")) {
  button.onclick = () => download(button.dataset.save).catch((error) => say(error.message, true));
}
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) take(files);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("frame").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}

async function loadModels() {
  models = await (await ask("v1/models")).json();
  $("model").append(...models.map(({ name, points }) => new Option(`${name}, ${points} points`, name)));
  $("model").value = models.find((one) => one.default)?.name ?? models[0].name;
  $("license").textContent = model()?.license ?? "";
}

let ready = loadModels();
ready.catch((error) => say(error.message, true));
