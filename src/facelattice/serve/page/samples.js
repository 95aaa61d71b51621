/**
 * Six sample images: what is often hard for other programs. Five are drawn over one portrait, one is a synthetic face.
 *
 *   await sampleImages()        [{name, label, canvas}], in the order of SAMPLES, their labels
 *
 * Sources: the portrait of the astronaut Eileen Collins by NASA (1999, public domain); the profile is rendered by
 * docs/render_profile.py. facelattice ships both. The dialog "About" says so.
 */

import { createCanvas } from "./dom.js";
import { request } from "./server.js";

export const SAMPLES = ["Sunglasses", "Hand", "Profile", "Turned", "Dark", "Group"];

const SIDE = 320;

export async function sampleImages() {
  const [photo, profile] = await Promise.all(["sample.jpg", "profile.jpg"].map(loadImage));
  // The face with some room around it. In the crop the eyes are at y = 113, the mouth is at y = 177.
  const portrait = createCanvas(SIDE, SIDE);
  portrait.getContext("2d").drawImage(photo, 92, 10, 240, 240, 0, 0, SIDE, SIDE);
  const [sunglasses, hand, dark] = [drawSunglasses, drawHand, drawNight].map((draw) => drawOver(portrait, draw));
  const canvases = [sunglasses, hand, drawOver(profile), turned(photo), dark, group(photo)];
  return SAMPLES.map((label, i) => ({ label, name: `${label.toLowerCase()}.png`, canvas: canvases[i] }));
}

async function loadImage(name) {
  return createImageBitmap(await (await request(name)).blob());
}

function drawOver(image, draw = () => {}) {
  const canvas = createCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  draw(context);
  return canvas;
}

function drawSunglasses(context) {
  context.translate(158, 104);
  context.rotate(0.05);
  const glass = context.createLinearGradient(0, -24, 0, 24);
  glass.addColorStop(0, "#0c0d10");
  glass.addColorStop(1, "#2c3038");
  context.strokeStyle = "#08090b";
  context.lineWidth = 5;
  context.beginPath();
  context.moveTo(-62, -12);
  context.lineTo(62, -12);
  context.stroke();
  context.fillStyle = glass;
  for (const x of [-31, 31]) {
    context.beginPath();
    context.ellipse(x, 2, 27, 20, 0, 0, 7);
    context.fill();
    context.stroke();
  }
  context.fillStyle = "rgb(255 255 255 / 0.14)";
  for (const x of [-39, 23]) {
    context.beginPath();
    context.ellipse(x, -5, 9, 5, -0.5, 0, 7);
    context.fill();
  }
}

// Four fingers and the back of a hand, before the mouth.
function drawHand(context) {
  const skin = context.createLinearGradient(90, 150, 210, 320);
  skin.addColorStop(0, "#d9a58a");
  skin.addColorStop(1, "#9c6a52");
  context.lineCap = "round";
  context.strokeStyle = "rgb(70 35 25 / 0.55)";
  context.lineWidth = 29;
  const fingers = [[112, 172], [120, 190], [128, 207], [138, 223]];
  for (const [x, y] of fingers) {
    context.strokeStyle = "rgb(70 35 25 / 0.6)";
    context.lineWidth = 21;
    line(context, [x, y], [x + 92, y - 12]);
    context.strokeStyle = skin;
    context.lineWidth = 18;
    line(context, [x, y], [x + 92, y - 12]);
  }
  context.fillStyle = skin;
  context.beginPath();
  context.moveTo(186, 150);
  context.quadraticCurveTo(250, 150, 268, 250);
  context.lineTo(300, 320);
  context.lineTo(196, 320);
  context.quadraticCurveTo(206, 260, 190, 226);
  context.fill();
}

function line(context, start, end) {
  context.beginPath();
  context.moveTo(...start);
  context.lineTo(...end);
  context.stroke();
}

function drawNight(context) {
  context.globalCompositeOperation = "multiply";
  context.fillStyle = "#16181f";
  context.fillRect(0, 0, SIDE, SIDE);
}

// The portrait, turned in the plane of the image by 75 degrees.
function turned(photo) {
  const canvas = createCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d");
  context.fillStyle = "#6c7076";
  context.fillRect(0, 0, SIDE, SIDE);
  context.translate(SIDE / 2, SIDE / 2);
  context.rotate((75 * Math.PI) / 180);
  context.scale(1.15, 1.15);
  context.drawImage(photo, -215, -130);
  return canvas;
}

// Rows of mirrored and differently large faces.
function group(photo) {
  const canvas = createCanvas(480, SIDE);
  const context = canvas.getContext("2d");
  for (let row = 0; row < 2; row++) {
    for (let column = 0; column < 5; column++) {
      const side = 96;
      context.save();
      context.filter = `brightness(${0.75 + 0.12 * ((column + 2 * row) % 4)}) hue-rotate(${8 * column - 16}deg)`;
      context.translate(48 + 96 * column, 80 + 160 * row);
      context.rotate(((column - 2) * 7 * (row ? -1 : 1) * Math.PI) / 180);
      if ((column + row) % 2) context.scale(-1, 1);
      context.drawImage(photo, 110, 20, 225, 350, -side / 2 - 8, -side / 1.2 - 8, side + 16, 1.56 * (side + 16));
      context.restore();
    }
  }
  return canvas;
}
