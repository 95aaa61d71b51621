/**
 * Toolbars, menus and keys of the page.
 *
 *   makeToolbar(element)                           one stop of the Tab key; arrows, Home and End move inside
 *   makeChoice(buttons, (value) => ...)            buttons with data-tool of which one is pressed; returns select(value)
 *   makeMenu(button, menu)                         a button that opens a list of buttons (role menu, menuitem)
 *   bindKeys({ "ctrl+z": undo, v: () => ... })     keys of the whole page, unless the user types text or a dialog is open
 */

const isTextInput = (element) => element.matches?.("input:not([type=range], [type=checkbox], [type=radio], [type=file]), textarea");

// Sliders and lists have their own keys.
const hasOwnKey = (element, key) => element.matches?.("input[type=range], select") && /^(page|arrow|home|end|.$)/.test(key);

export function makeToolbar(toolbar) {
  const buttons = () => [...toolbar.querySelectorAll("button")].filter((button) => button.offsetParent && !button.disabled);
  const stopAt = (stop) => {
    for (const button of toolbar.querySelectorAll("button")) button.tabIndex = button === stop ? 0 : -1;
  };
  stopAt(toolbar.querySelector("button:not(:disabled)"));
  toolbar.addEventListener("focusin", ({ target }) => target.matches("button") && stopAt(target));
  toolbar.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement);
    const target = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (target === undefined || at < 0) return;
    event.preventDefault();
    all[(target + all.length) % all.length].focus();
  });
}

export function makeChoice(buttons, onchoose) {
  const select = (value) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.tool === value));
    onchoose(value);
  };
  for (const button of buttons) button.onclick = () => select(button.dataset.tool);
  return select;
}

export function makeMenu(button, menu) {
  const items = () => [...menu.querySelectorAll('[role="menuitem"]')].filter((item) => !item.disabled);
  const setOpen = (open) => {
    menu.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  const close = (focus) => {
    if (menu.hidden) return;
    setOpen(false);
    if (focus) button.focus();
  };
  setOpen(false);
  button.setAttribute("aria-haspopup", "menu");
  button.onclick = () => {
    setOpen(menu.hidden);
    if (!menu.hidden) items()[0]?.focus();
  };
  menu.addEventListener("click", ({ target }) => target.closest('[role="menuitem"]') && close(true));
  menu.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") close(true);
    else if (event.key === "Tab") close(false);
    else if (target !== undefined) all[(target + all.length) % all.length]?.focus();
    if (event.key === "Escape" || target !== undefined) event.preventDefault();
    event.stopPropagation(); // the keys of the page are not for the menu
  });
  addEventListener("pointerdown", ({ target }) => !menu.contains(target) && !button.contains(target) && close(false));
}

// Names of keys are event.key in lower case, after "ctrl+" (or Command) and "shift+". Letters contain no "shift+".
export function bindKeys(actions) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || isTextInput(event.target) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const ctrl = event.ctrlKey || event.metaKey ? "ctrl+" : "";
    if (!ctrl && hasOwnKey(event.target, key)) return;
    const action = actions[`${ctrl}${event.shiftKey && ctrl ? "shift+" : ""}${key}`];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
