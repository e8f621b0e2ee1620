// Who wants to hear of what.

export class Events {
  #listeners = new Map()

  // Returns a function that ends it.
  on(name, listener) {
    const all = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, all.add(listener))
    return () => all.delete(listener)
  }

  emit(name, what) {
    for (const listener of this.#listeners.get(name) ?? []) listener(what)
  }
}
