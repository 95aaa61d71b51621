/**
 * A canvas that shows an image with zoom and pan, and layers drawn over it in screen pixels.
 *
 *   const view = new ImageView(canvas);                    the canvas fills its parent by CSS
 *   view.show(image, { width, height, keepView: false })   a canvas, video or bitmap; width and height in image pixels
 *   view.layers = [(context, view) => ...]                 drawn over the image; coordinates are CSS pixels
 *   view.requestDraw()                                     draws with the next frame of the screen
 *   view.toScreen([x, y]), view.toImage([x, y])            image coordinates: whole numbers are pixel centers
 *   view.scale                                             CSS pixels per image pixel
 *   view.fit(), view.fitBox([x0, y0, x1, y1]), view.zoom(factor, [x, y]), view.pan(dx, dy), view.reveal([x, y])
 *   view.mirrored = true                                   left and right are exchanged on the screen
 *   view.tool = { down(position, event), move, up, cancel, hover, leave, doubleClick, key(event) }
 *   view.onviewchange = () => ...                          zoom, pan or size has changed
 *
 * Positions are [x, y] in CSS pixels of the canvas. If `down` returns true, the tool gets the moves of this pointer;
 * otherwise the pointer pans. All methods of a tool are optional. Wheel and pinch zoom; the keys + - 0 zoom, Shift with
 * an arrow pans. `key` comes first and returns true if it has handled the key.
 */

const MAX_SCALE = 40;
const MARGIN = 8; // CSS pixels around the fitted image
const PAN_STEP = 60; // CSS pixels

export class ImageView {
  layers = [];
  tool = {};
  onviewchange = () => {};
  #source = null;
  #offset = [0, 0];
  #fitted = true;
  #mirrored = false;
  #isDrawRequested = false;
  #pointers = new Map();
  #toolPointer = null;

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    [this.width, this.height, this.scale] = [1, 1, 1];
    this.size = [1, 1];
    new ResizeObserver(() => this.#resize()).observe(canvas);
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"]) {
      canvas.addEventListener(kind, (event) => this.#onPointer(kind, event));
    }
    canvas.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    canvas.addEventListener("dblclick", (event) => this.tool.doubleClick?.(this.eventPosition(event), event));
    this.#resize();
  }

  show(source, { width = source?.width ?? 1, height = source?.height ?? 1, keepView = false } = {}) {
    const isSameSize = width === this.width && height === this.height;
    [this.#source, this.width, this.height] = [source, width, height];
    if (!keepView || !isSameSize) this.fit();
    this.requestDraw();
  }

  get mirrored() {
    return this.#mirrored;
  }

  set mirrored(value) {
    this.#mirrored = value;
    this.requestDraw();
  }

  toScreen([x, y]) {
    const along = this.#mirrored ? this.width - 0.5 - x : x + 0.5;
    return [this.#offset[0] + along * this.scale, this.#offset[1] + (y + 0.5) * this.scale];
  }

  toImage([x, y]) {
    const along = (x - this.#offset[0]) / this.scale;
    return [this.#mirrored ? this.width - 0.5 - along : along - 0.5, (y - this.#offset[1]) / this.scale - 0.5];
  }

  eventPosition(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  get fitScale() {
    const room = this.size.map((side) => Math.max(1, side - 2 * MARGIN));
    return Math.min(room[0] / this.width, room[1] / this.height);
  }

  fit() {
    this.scale = this.fitScale;
    this.#offset = [(this.size[0] - this.width * this.scale) / 2, (this.size[1] - this.height * this.scale) / 2];
    this.#change(true);
  }

  // Shows a box (image coordinates) as large as possible, with some room around it.
  fitBox([x0, y0, x1, y1]) {
    const side = 1.5 * Math.max(x1 - x0, y1 - y0, 4);
    this.scale = Math.min(MAX_SCALE, Math.min(...this.size) / side);
    const [x, y] = this.toScreen([(x0 + x1) / 2, (y0 + y1) / 2]);
    this.pan(this.size[0] / 2 - x, this.size[1] / 2 - y);
  }

  // Zooms by a factor, and keeps the image at a position of the screen, by default its center.
  zoom(factor, [x, y] = [this.size[0] / 2, this.size[1] / 2]) {
    const smallest = Math.min(this.fitScale, 1) / 2;
    const scale = Math.min(MAX_SCALE, Math.max(smallest, this.scale * factor));
    const change = scale / this.scale;
    this.scale = scale;
    this.#offset = [x + (this.#offset[0] - x) * change, y + (this.#offset[1] - y) * change];
    this.#change(false);
  }

  pan(dx, dy) {
    this.#offset = [this.#offset[0] + dx, this.#offset[1] + dy];
    this.#change(false);
  }

  // Pans so that an image position is on the screen.
  reveal(position) {
    const edge = 24;
    const steps = this.toScreen(position).map((value, k) => {
      const limit = this.size[k] - edge;
      return value < edge ? edge - value : value > limit ? limit - value : 0;
    });
    if (steps.some(Boolean)) this.pan(...steps);
  }

  requestDraw() {
    if (this.#isDrawRequested) return;
    this.#isDrawRequested = true;
    requestAnimationFrame(() => {
      this.#isDrawRequested = false;
      this.draw();
    });
  }

  draw() {
    const { context } = this;
    const ratio = this.canvas.width / this.size[0];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, ...this.size);
    if (!this.#source) return;
    this.drawImage(this.#source);
    for (const layer of this.layers) {
      context.save();
      layer(context, this);
      context.restore();
    }
  }

  // Draws another image of the same size at the place of the shown one. Layers use it for paint.
  drawImage(source) {
    const { context } = this;
    context.save();
    context.imageSmoothingEnabled = this.scale < 4; // else single pixels are of interest
    context.translate(this.#offset[0] + (this.#mirrored ? this.width * this.scale : 0), this.#offset[1]);
    context.scale(this.#mirrored ? -1 : 1, 1);
    context.drawImage(source, 0, 0, this.width * this.scale, this.height * this.scale);
    context.restore();
  }

  #change(fitted) {
    this.#fitted = fitted;
    // Some of the image always stays in sight.
    const visible = 40;
    this.#offset = this.#offset.map((value, k) => {
      const length = [this.width, this.height][k] * this.scale;
      return Math.min(this.size[k] - visible, Math.max(visible - length, value));
    });
    this.onviewchange();
    this.requestDraw();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    const [dx, dy] = [(clientWidth - this.size[0]) / 2, (clientHeight - this.size[1]) / 2];
    this.size = [clientWidth, clientHeight];
    const ratio = devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.#fitted) this.fit();
    else this.pan(dx, dy);
    this.draw(); // now, as a canvas of another size is empty
  }

  #onWheel(event) {
    if (!this.#source) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    this.zoom(Math.exp(-Math.max(-120, Math.min(120, pixels)) / (event.ctrlKey ? 100 : 300)), this.eventPosition(event));
  }

  #onPointer(kind, event) {
    const position = this.eventPosition(event);
    if (kind === "pointerdown") this.#onDown(position, event);
    else if (kind === "pointermove") this.#onMove(position, event);
    else if (kind === "pointerleave") this.tool.leave?.();
    else this.#onUp(kind, position, event);
  }

  #onDown(position, event) {
    if (!this.#source || event.button === 2) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, position);
    if (this.#pointers.size === 1 && event.button === 0 && this.tool.down?.(position, event)) {
      this.#toolPointer = event.pointerId;
    } else if (this.#toolPointer !== null) {
      this.#cancelTool(); // a second finger: the gesture is a pinch
    }
  }

  #onMove(position, event) {
    if (!event.buttons) this.#forgetPointers(event); // a menu or a gesture has received the pointerup event
    const last = this.#pointers.get(event.pointerId);
    if (!last) {
      this.tool.hover?.(position, event);
      return;
    }
    if (this.#toolPointer === event.pointerId) {
      this.tool.move?.(position, event);
    } else if (this.#pointers.size === 1) {
      this.pan(position[0] - last[0], position[1] - last[1]);
    } else {
      const other = [...this.#pointers].find(([id]) => id !== event.pointerId)[1];
      const distance = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
      this.pan((position[0] - last[0]) / 2, (position[1] - last[1]) / 2); // with the middle of the two fingers
      this.zoom(distance(position) / distance(last), [(position[0] + other[0]) / 2, (position[1] + other[1]) / 2]);
    }
    this.#pointers.set(event.pointerId, position);
  }

  #onUp(kind, position, event) {
    this.#pointers.delete(event.pointerId);
    if (this.#toolPointer !== event.pointerId) return;
    if (kind === "pointercancel") {
      this.#cancelTool();
    } else {
      this.#toolPointer = null;
      this.tool.up?.(position, event);
    }
  }

  #forgetPointers(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#toolPointer === event.pointerId) this.#cancelTool();
  }

  #cancelTool() {
    this.#toolPointer = null;
    this.tool.cancel?.();
  }

  #onKey(event) {
    if (!this.#source || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.tool.key?.(event)) {
      event.preventDefault();
      return;
    }
    const steps = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (event.shiftKey && steps[event.key]) this.pan(...steps[event.key].map((step) => step * PAN_STEP));
    else return;
    event.preventDefault();
  }
}
