/**
 * Saves changes of images at once, one request at a time.
 *
 *   const saver = new Saver({ onsaved(image), onconflict(image), onerror(image, error), onstate(text) });
 *   saver.save(image)                     {index, version, done, faces}: after each change
 *   saver.isBusy(image), saver.numSaved, saver.hasUnsaved
 *   await saver.finished                  until all changes so far are saved or have failed
 *
 * A change is based on a version of its image. If another window has saved the image meanwhile, the change is dropped and
 * onconflict is called. After another error, such as a full disk, the next change tries again.
 */

import { send } from "./api.js";
import { toBody } from "./faces.js";

const CONFLICT = 409;

export class Saver {
  numSaved = 0;
  finished = Promise.resolve();
  #options;
  #waiting = new Set();
  #sending = null;
  #failed = new Set();

  constructor(options) {
    this.#options = options;
    addEventListener("beforeunload", (event) => this.hasUnsaved && event.preventDefault());
  }

  get hasUnsaved() {
    return Boolean(this.#sending) || this.#waiting.size + this.#failed.size > 0;
  }

  isBusy(image) {
    return this.#sending === image || this.#waiting.has(image) || this.#failed.has(image);
  }

  save(image) {
    for (const failed of this.#failed) this.#waiting.add(failed);
    this.#failed.clear();
    this.#waiting.add(image);
    if (!this.#sending) this.finished = this.#run();
  }

  async #run() {
    this.#options.onstate("Saving ...");
    for (let image = this.#next(); image; image = this.#next()) {
      try {
        const body = { version: image.version, done: image.done, faces: toBody(image.faces) };
        const { version } = await send("PUT", `api/images/${image.index}`, body);
        Object.assign(image, { version, annotated: true });
        this.numSaved++;
        this.#options.onsaved(image);
      } catch (error) {
        if (error.status === CONFLICT) {
          this.#waiting.delete(image);
          this.#options.onconflict(image);
        } else {
          this.#failed.add(image);
          this.#options.onerror(image, error);
        }
      }
      this.#sending = null;
    }
    this.#options.onstate(this.#failed.size ? "Not saved" : "Saved");
  }

  #next() {
    const [image = null] = this.#waiting;
    this.#waiting.delete(image);
    this.#sending = image;
    return image;
  }
}
