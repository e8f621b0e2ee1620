// Who writes in a room just now, and saying that one does.

const SAY_MS = 2500 // at most once in this time
const HEARD_MS = 6000 // what was heard holds for this long

export class Typing {
  #clock
  #changed
  #said = -Infinity
  #writers = new Map() // {name, timer} by the user's id

  constructor(clock, changed) {
    this.#clock = clock
    this.#changed = changed
  }

  get names() {
    return [...this.#writers.values()].map(({ name }) => name)
  }

  // Whether it is time to say it again.
  isDue() {
    if (this.#clock.now() - this.#said < SAY_MS) return false
    this.#said = this.#clock.now()
    return true
  }

  // What one wrote is sent: the next word is news.
  sent() {
    this.#said = -Infinity
  }

  heard({ id, name }) {
    this.#clock.clearTimeout(this.#writers.get(id)?.timer)
    const timer = this.#clock.setTimeout(() => this.stopped(id), HEARD_MS)
    this.#writers.set(id, { name, timer })
    this.#changed()
  }

  stopped(id) {
    const writer = this.#writers.get(id)
    if (!writer) return
    this.#clock.clearTimeout(writer.timer)
    this.#writers.delete(id)
    this.#changed()
  }

  clear() {
    for (const id of [...this.#writers.keys()]) this.stopped(id)
  }
}
