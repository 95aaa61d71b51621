/**
 * The state of a page, and the history for undo and redo.
 *
 *   const store = createStore({ numbers: false });
 *   store.subscribe((state, changes) => draw());          changes: the properties that were set
 *   store.update({ numbers: true });
 *   store.state.numbers                                   read only: change it with update()
 *
 *   const opened = createSignal();
 *   opened.subscribe((file) => ...), opened.emit(file)
 *
 *   const history = new History();
 *   history.onchange = () => updateButtons();             also as the argument of the constructor
 *   history.run({ label: "Hide face 2", apply() {...}, revert() {...} });
 *   history.record(command)                               for a change that has been made already, such as a drag
 *   history.undo(), history.redo()                        return the command, or null
 *   history.undoLabel, history.redoLabel                  "" if there is nothing to undo or redo
 *
 * Commands that follow each other with the same `key` become one: a slider that moves, a point that is nudged.
 */

export function createSignal() {
  const listeners = [];
  return {
    subscribe: (listener) => void listeners.push(listener),
    emit: (...values) => listeners.forEach((listener) => listener(...values)),
  };
}

export function createStore(initial) {
  const state = { ...initial };
  const { subscribe, emit } = createSignal();
  const update = (changes) => {
    Object.assign(state, changes);
    emit(state, changes);
  };
  return { state, update, subscribe };
}

const MAX_COMMANDS = 500;

export class History {
  #done = [];
  #undone = [];

  constructor(onchange = () => {}) {
    this.onchange = onchange;
  }

  run(command) {
    command.apply();
    this.record(command);
  }

  record(command) {
    const last = this.#done.at(-1);
    if (command.key && last?.key === command.key && !this.#undone.length) {
      this.#done[this.#done.length - 1] = { ...command, revert: last.revert };
    } else {
      this.#done = [...this.#done.slice(1 - MAX_COMMANDS), command];
    }
    this.#undone = [];
    this.onchange();
  }

  undo() {
    const command = this.#done.pop() ?? null;
    if (!command) return null;
    this.#undone.push({ ...command, key: null });
    command.revert();
    this.onchange();
    return command;
  }

  redo() {
    const command = this.#undone.pop() ?? null;
    if (!command) return null;
    this.#done.push(command);
    command.apply();
    this.onchange();
    return command;
  }

  get undoLabel() {
    return this.#done.at(-1)?.label ?? "";
  }

  get redoLabel() {
    return this.#undone.at(-1)?.label ?? "";
  }
}
