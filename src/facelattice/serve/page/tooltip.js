/**
 * A tooltip at a position of the view that never leaves it.
 *
 *   const tooltip = new Tooltip(element);           an element inside the parent of the canvas
 *   tooltip.show("30 nose_tip", [x, y])             CSS pixels of the canvas
 *   tooltip.hide()
 */

const GAP = 12; // CSS pixels

export class Tooltip {
  constructor(element) {
    this.element = element;
    this.hide();
  }

  show(text, [x, y]) {
    const { element } = this;
    element.textContent = text;
    element.hidden = false;
    const { clientWidth, clientHeight } = element.parentElement;
    const { offsetWidth, offsetHeight } = element;
    const left = x + GAP + offsetWidth > clientWidth ? x - GAP - offsetWidth : x + GAP;
    const top = y - GAP - offsetHeight < 0 ? y + GAP : y - GAP - offsetHeight;
    element.style.left = `${Math.max(0, Math.min(left, clientWidth - offsetWidth))}px`;
    element.style.top = `${Math.max(0, Math.min(top, clientHeight - offsetHeight))}px`;
  }

  hide() {
    this.element.hidden = true;
  }
}
