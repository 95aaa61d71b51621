/**
 * The dialog that names the points and their mirror partners.
 *
 *   const dialog = new SchemeDialog((scheme) => ...);    called after the scheme was saved
 *   dialog.open(scheme)                                  as the server describes it
 */

import { get, send } from "./api.js";
import { $, createElement } from "./shared/dom.js";

export class SchemeDialog {
  #onsave;
  #names = []; // input elements
  #partners = []; // select elements

  constructor(onsave) {
    this.#onsave = onsave;
    $("scheme-form").onsubmit = (event) => {
      event.preventDefault();
      this.#save();
    };
    $("suggest").onclick = () => this.#suggest();
  }

  open({ names, pairs, editable }) {
    this.#names = names.map((name, i) =>
      createElement("input", { value: name, required: true, disabled: !editable, "aria-label": `Name of point ${i}` }),
    );
    this.#partners = names.map((_, i) => {
      const options = names.flatMap((name, k) => (k === i ? [] : [new Option(`${k} ${name}`, k)]));
      const select = createElement("select", { disabled: !editable, "aria-label": `Mirror partner of point ${i}` }, new Option("none", ""), ...options);
      select.onchange = () => this.#pair(i, select.value === "" ? null : Number(select.value));
      return select;
    });
    $("scheme-rows").replaceChildren(
      ...names.map((_, i) =>
        createElement("tr", {}, createElement("td", {}, String(i)), createElement("td", {}, this.#names[i]), createElement("td", {}, this.#partners[i])),
      ),
    );
    this.#setPairs(pairs);
    $("scheme-error").textContent = "";
    $("suggest").hidden = $("save-scheme").hidden = !editable;
    $("scheme").showModal();
  }

  #pairs() {
    return this.#partners.flatMap(({ value }, i) => (value !== "" && i < Number(value) ? [[i, Number(value)]] : []));
  }

  #setPairs(pairs) {
    for (const select of this.#partners) select.value = "";
    for (const [a, b] of pairs) [this.#partners[a].value, this.#partners[b].value] = [b, a];
  }

  // A point has one partner, and is the partner of it.
  #pair(point, partner) {
    const others = this.#pairs().filter((pair) => !pair.includes(point) && !pair.includes(partner));
    this.#setPairs(partner === null ? others : [...others, [point, partner]]);
  }

  async #suggest() {
    try {
      this.#setPairs(await get("api/scheme/suggested-pairs"));
    } catch (error) {
      $("scheme-error").textContent = error.message;
    }
  }

  async #save() {
    try {
      const body = { names: this.#names.map(({ value }) => value.trim()), pairs: this.#pairs() };
      this.#onsave(await send("PUT", "api/scheme", body));
      $("scheme").close();
    } catch (error) {
      $("scheme-error").textContent = error.message;
    }
  }
}
