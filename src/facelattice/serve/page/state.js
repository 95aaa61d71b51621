/**
 * The state of a page, and the history for undo and redo.
 *
 *   const store = createStore({ numbers: false });
 *   store.subscribe((state, changes) => draw());          changes: the properties that were set
 *   store.update({ numbers: true });
 *   store.state.numbers                                   read only: change it with update()
 *
 *   const history = new History(() => updateButtons());   called after each change of the history
 *   history.run({ label: "Hide face 2", apply() {...}, revert() {...} });
 *   history.record(command)                               for a change that has been made already, such as a drag
 *   history.undo(), history.redo()                        return the command, or null
 *   history.undoLabel, history.redoLabel                  "" if there is nothing to undo or redo
 *
 * Commands that follow each other with the same `key` become one: a slider that moves, a point that is nudged.
 */

export function createStore(initial) {
  const state = { ...initial };
  const listeners = new Set();
  return {
    state,
    update(changes) {
      Object.assign(state, changes);
      for (const listener of listeners) listener(state, changes);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const MAX_COMMANDS = 500;

export class History {
  #done = [];
  #undone = [];
  #onchange;

  constructor(onchange = () => {}) {
    this.#onchange = onchange;
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
    this.#onchange();
  }

  undo() {
    const command = this.#done.pop() ?? null;
    if (!command) return null;
    this.#undone.push({ ...command, key: null });
    command.revert();
    this.#onchange();
    return command;
  }

  redo() {
    const command = this.#undone.pop() ?? null;
    if (!command) return null;
    this.#done.push(command);
    command.apply();
    this.#onchange();
    return command;
  }

  // Forgets the commands for which the function returns true, such as those of an image that was closed.
  drop(matches) {
    this.#done = this.#done.filter((command) => !matches(command));
    this.#undone = this.#undone.filter((command) => !matches(command));
    this.#onchange();
  }

  get undoLabel() {
    return this.#done.at(-1)?.label ?? "";
  }

  get redoLabel() {
    return this.#undone.at(-1)?.label ?? "";
  }
}
