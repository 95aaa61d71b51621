/**
 * Small helpers for elements, canvases and files.
 *
 *   $("id")                                            the element with an id
 *   createElement("button", { type: "button", onclick, "aria-label": "Close" }, "x", child)
 *   createCanvas(width, height), copyCanvas(source), toBlob(canvas, "image/jpeg")
 *   saveFile(blob, "name.json")                        a download
 *   fileStem("photo.jpg")                              "photo"
 */

export const $ = (id) => document.getElementById(id);

// Properties that the element has are set as such, all others as attributes. null and false leave an attribute out.
export function createElement(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function createCanvas(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

export function copyCanvas(source) {
  const canvas = createCanvas(source.width, source.height);
  canvas.getContext("2d").drawImage(source, 0, 0);
  return canvas;
}

export function toBlob(canvas, type = "image/jpeg", quality = 0.92) {
  return new Promise((resolve, reject) => {
    const done = (blob) => (blob ? resolve(blob) : reject(new Error("The browser cannot encode this image.")));
    canvas.toBlob(done, type, quality);
  });
}

export function saveFile(data, name) {
  const link = createElement("a", { href: URL.createObjectURL(data), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export const fileStem = (name) => name.replace(/\.[^.]*$/, "") || "faces";
