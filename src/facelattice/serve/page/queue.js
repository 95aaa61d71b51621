/**
 * The list of opened images: a strip of thumbnails with a badge, a color and a close button for each.
 *
 *   const queue = new Queue($("queue"));
 *   queue.onselect = (item) => ..., queue.onclose = (item) => ...      also as options of the constructor
 *   queue.add(item), queue.remove(item), queue.select(item), queue.update(item)
 *   queue.next(1), queue.next(-1)                 selects the following or the previous item
 *   queue.sort((a, b) => number)                  null: the order in which they were opened
 *   queue.items, queue.current
 *
 * An item is an object of the page with the properties
 *   name       shown as a tooltip and read by screen readers
 *   thumbnail  a canvas or image element, shown as 64 x 64 CSS pixels
 *   badge      a short text, such as the number of faces; "" for none
 *   tone       a CSS color of the badge, or null
 *   note       what screen readers read after the name, such as "2 faces, uncertain"
 * Call update(item) after one of them has changed.
 *
 * Only the current thumbnail is a stop of the Tab key; arrows, Home and End go to the others, Delete closes.
 */

import { createElement } from "./dom.js";

export class Queue {
  current = null;
  onselect = () => {};
  onclose = () => {};
  #container;
  #entries = new Map(); // item to {row, button, badge, text}
  #opened = []; // in the order in which they were opened
  #shown = [];
  #order = null;

  constructor(container, options = {}) {
    this.#container = container;
    Object.assign(this, options);
    container.addEventListener("keydown", (event) => this.#onKey(event));
  }

  get items() {
    return [...this.#shown];
  }

  add(item) {
    const badge = createElement("span", { className: "badge", "aria-hidden": "true" });
    const text = createElement("span", { className: "unseen" });
    const button = createElement("button", { type: "button", tabIndex: -1, title: item.name }, item.thumbnail, badge, text);
    button.onclick = () => this.select(item);
    const close = createElement("button", { type: "button", className: "close", tabIndex: -1, "aria-label": `Close ${item.name}` }, "×");
    close.onclick = () => this.onclose(item);
    const row = createElement("li", {}, button, close);
    this.#entries.set(item, { row, button, badge, text });
    this.#opened.push(item);
    this.update(item);
    this.#arrange();
  }

  // position: where it was before it was removed; see `position`.
  restore(item, position) {
    this.add(item);
    this.#opened.splice(this.#opened.indexOf(item), 1);
    this.#opened.splice(position, 0, item);
    this.#arrange();
  }

  position(item) {
    return this.#opened.indexOf(item);
  }

  // Removes an item. If it was the current one, its neighbor is selected; without one, onselect(null) is called.
  remove(item) {
    const at = this.#shown.indexOf(item);
    if (at < 0) return;
    const hadFocus = this.#entries.get(item).row.contains(document.activeElement);
    this.#entries.get(item).row.remove();
    this.#entries.delete(item);
    this.#opened = this.#opened.filter((other) => other !== item);
    this.#shown = this.#shown.filter((other) => other !== item);
    if (this.current !== item) return;
    this.select(this.#shown[Math.min(at, this.#shown.length - 1)] ?? null, hadFocus);
  }

  // null: no item is shown, for example while the camera runs.
  select(item, focus = false) {
    this.current = item;
    this.#mark();
    const button = this.#entries.get(item)?.button;
    if (focus) button?.focus();
    button?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.onselect(item);
  }

  next(step, focus = false) {
    const at = this.#shown.indexOf(this.current);
    const target = this.#shown[Math.min(this.#shown.length - 1, Math.max(0, at + step))];
    if (target && target !== this.current) this.select(target, focus);
  }

  sort(order) {
    this.#order = order;
    this.#arrange();
  }

  update(item) {
    const entry = this.#entries.get(item);
    if (!entry) return;
    entry.badge.textContent = item.badge ?? "";
    entry.badge.style.background = item.tone ?? "";
    entry.badge.hidden = !item.badge;
    entry.text.textContent = [item.name, item.note].filter(Boolean).join(", ");
  }

  #arrange() {
    this.#shown = this.#order ? [...this.#opened].sort(this.#order) : [...this.#opened];
    const rows = this.#shown.map((item) => this.#entries.get(item).row);
    if (rows.some((row, i) => this.#container.children[i] !== row)) this.#container.replaceChildren(...rows);
    this.#mark();
  }

  #mark() {
    const stop = this.#entries.has(this.current) ? this.current : this.#shown[0];
    for (const [item, { button }] of this.#entries) {
      button.setAttribute("aria-current", String(item === this.current));
      button.tabIndex = item === stop ? 0 : -1;
    }
  }

  #onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step) this.next(step, true);
    else if (event.key === "Delete" && this.current) this.onclose(this.current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
