/**
 * The list of images: a thumbnail, the name, whether the image is done, and how uncertain its points are.
 *
 *   const list = new ImageList($("images"), (index) => ...);    called when the user chooses an image
 *   list.show(project)                                           project as the server describes it
 *   list.mark(index)                                             the image that is shown
 *   list.neighbor(index, step)                                   the index of the following or previous image
 *   list.nextToDo(index)                                         the first image that is not done, another one if possible
 */

import { createElement } from "./shared/dom.js";

export class ImageList {
  #container;
  #onchoose;
  #rows = new Map(); // index to {item, button, status}
  #order = [];
  #images = [];
  #current = null;

  constructor(container, onchoose) {
    [this.#container, this.#onchoose] = [container, onchoose];
    container.addEventListener("keydown", (event) => this.#onKey(event));
  }

  show({ images, order }) {
    this.#images = images;
    for (const index of order) {
      if (!this.#rows.has(index)) this.#add(index, images[index]);
      this.#update(this.#rows.get(index), images[index]);
    }
    if (order.some((index, k) => this.#order[k] !== index)) {
      const focused = this.#container.contains(document.activeElement) ? document.activeElement : null;
      this.#container.append(...order.map((index) => this.#rows.get(index).item));
      focused?.focus({ preventScroll: true });
    }
    this.#order = order;
    this.#setStop();
  }

  mark(index) {
    this.#current = index;
    for (const [other, { button }] of this.#rows) button.setAttribute("aria-current", String(other === index));
    this.#setStop();
    this.#rows.get(index)?.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  neighbor(index, step) {
    const at = this.#order.indexOf(index) + step;
    return this.#order[Math.min(this.#order.length - 1, Math.max(0, at))];
  }

  nextToDo(index) {
    const open = this.#order.filter((other) => !this.#images[other].done && !this.#images[other].problem);
    return open.find((other) => other !== index) ?? open[0] ?? null;
  }

  #add(index, { name }) {
    const status = createElement("span", { className: "status" });
    const thumbnail = createElement("img", { src: `api/images/${index}/thumbnail`, alt: "", loading: "lazy", width: 48, height: 48 });
    const short = createElement("span", { className: "name" }, name.split("/").at(-1));
    const button = createElement("button", { type: "button", title: name, tabIndex: -1 }, thumbnail, short, status);
    button.onclick = () => this.#onchoose(index);
    this.#rows.set(index, { item: createElement("li", {}, button), button, status });
  }

  #update({ button, status }, { done, problem, uncertainty, faces }) {
    const isUnsure = !done && !problem && uncertainty !== null;
    const text = problem ? "unreadable" : done ? "done" : isUnsure ? `± ${(100 * uncertainty).toFixed(1)} %` : faces === null ? "" : "begun";
    if (status.textContent !== text) status.textContent = text;
    button.classList.toggle("done", done);
    button.classList.toggle("wrong", Boolean(problem));
  }

  #setStop() {
    const stop = this.#rows.has(this.#current) ? this.#current : this.#order[0];
    for (const [index, { button }] of this.#rows) button.tabIndex = index === stop ? 0 : -1;
  }

  #onKey(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    const at = this.#order.findIndex((index) => this.#rows.get(index).button === document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const target = this.#order[Math.min(this.#order.length - 1, Math.max(0, at + step))];
    this.#rows.get(target).button.focus();
  }
}
