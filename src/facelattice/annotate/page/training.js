/**
 * The dialog that starts, shows and stops the training.
 *
 *   const training = new TrainingDialog({ onchange(status) {...}, onerror(error) {...} });
 *   training.open(), training.refresh()
 *
 * While a round runs, the status is fetched every second. onchange is called after each fetch.
 */

import { get, send } from "./api.js";
import { $, createElement } from "./shared/dom.js";

const INTERVAL = 1000; // milliseconds
const RUNNING = new Set(["training", "exporting"]);

const percent = (share) => `${(100 * share).toFixed(2)} %`;

export function describeTraining({ state, round, epochs, val_nme: nme, seconds, stopped, message }) {
  const best = nme.length ? `, validation NME ${percent(Math.min(...nme))}` : "";
  if (state === "training" && stopped) return "Stopping ...";
  if (state === "training") {
    const left = nme.length > 1 ? `, about ${duration((seconds / nme.length) * (epochs - nme.length))} left` : "";
    return `Round ${round}: epoch ${nme.length} of ${epochs}${left}${best}`;
  }
  if (state === "exporting") return `Round ${round}: writing the model file${best}`;
  if (state === "finished") return `Round ${round} is finished${stopped ? " early" : ""}${best}`;
  if (state === "failed") return `Round ${round} failed: ${message}`;
  return round ? `Round ${round} was stopped.` : "";
}

function duration(seconds) {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

export class TrainingDialog {
  status = null;
  #options;
  #timer = 0;
  #epochsGiven = false;

  constructor(options) {
    this.#options = options;
    $("training-form").onsubmit = (event) => {
      event.preventDefault();
      this.#send("api/training", { epochs: Number($("epochs").value) });
    };
    $("epochs").oninput = () => {
      this.#epochsGiven = true;
      this.#showRecipe();
    };
    $("stop").onclick = () => this.#send("api/training/stop");
  }

  open() {
    this.refresh();
    $("training").showModal();
  }

  async refresh() {
    try {
      this.#show(await get("api/training"));
    } catch (error) {
      this.#options.onerror(error);
      this.#repeat();
    }
  }

  async #send(path, body) {
    try {
      this.#show(await send("POST", path, body));
      this.#epochsGiven = false;
    } catch (error) {
      $("training-state").textContent = error.message;
    }
  }

  #repeat() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), INTERVAL);
  }

  #show(status) {
    this.status = status;
    const isRunning = RUNNING.has(status.state);
    $("training-reason").textContent = isRunning ? "" : status.blocked_reason;
    $("training-problems").replaceChildren(...status.problems.map((text) => createElement("li", {}, text)));
    if (!this.#epochsGiven) $("epochs").value = isRunning ? status.epochs : status.default_epochs;
    $("epochs").disabled = isRunning;
    $("start").hidden = isRunning;
    $("start").disabled = Boolean(status.blocked_reason);
    $("stop").hidden = !isRunning;
    $("stop").disabled = status.stopped || status.state === "exporting";
    $("training-status").hidden = !status.round;
    const text = describeTraining(status);
    if ($("training-state").textContent !== text) $("training-state").textContent = text;
    $("training-bar").max = Math.max(1, status.epochs);
    $("training-bar").value = status.state === "finished" ? Math.max(1, status.epochs) : status.val_nme.length;
    $("curve").toggleAttribute("hidden", status.val_nme.length < 2);
    $("curve").firstElementChild.setAttribute("points", curvePoints(status.val_nme));
    $("recipe-title").textContent = isRunning ? "Recipe" : "Recipe of the next round";
    this.#showRecipe();
    $("use").hidden = !status.model;
    $("command").textContent = status.model ? `facelattice align photo.jpg --model ${quote(status.model)}` : "";
    $("base").textContent = status.base;
    if (isRunning) this.#repeat();
    this.#options.onchange(status);
  }

  // With the number of epochs of the form.
  #showRecipe() {
    const text = (this.status?.recipe ?? "").replace(/^epochs: .*$/m, `epochs: ${$("epochs").value}`);
    if ($("recipe").textContent !== text) $("recipe").textContent = text;
    $("recipe-place").hidden = !text;
  }
}

// Points of an SVG line, 300 x 90, from the largest value at the top to 0 at the bottom.
function curvePoints(values) {
  const highest = Math.max(...values);
  const x = (k) => (300 * k) / Math.max(1, values.length - 1);
  return values.map((value, k) => `${x(k).toFixed(1)},${(88 - (86 * value) / highest).toFixed(1)}`).join(" ");
}

const quote = (path) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
