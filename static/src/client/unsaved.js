// Rooms that have changed since they were kept: all of them are kept within a second.

const SAVE_MS = 1000

export class Unsaved {
  #rooms = new Set()
  #timer = null
  #clock
  #keep

  // keep(room): does it.
  constructor(clock, keep) {
    this.#clock = clock
    this.#keep = keep
  }

  add(room) {
    this.#rooms.add(room)
    this.#timer ??= this.#clock.setTimeout(() => this.save(), SAVE_MS)
  }

  drop(room) {
    this.#rooms.delete(room)
  }

  save() {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = null
    for (const room of this.#rooms) this.#keep(room)
    this.#rooms.clear()
  }
}
