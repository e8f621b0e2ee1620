// A connection can be dead without a word; an answer that is long overdue tells.

const OVERDUE_MS = 20000

export class Overdue {
  #timer = null
  #clock
  #hooks

  // hooks: oldest(), when the request was sent that waits for its answer for longest, Infinity for
  // none; happened().
  constructor(clock, hooks) {
    this.#clock = clock
    this.#hooks = hooks
  }

  // Something was sent that has an answer.
  watch() {
    if (!this.#timer) this.#wait()
  }

  stop() {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = null
  }

  #wait() {
    const left = this.#hooks.oldest() + OVERDUE_MS - this.#clock.now()
    this.#timer = this.#clock.setTimeout(() => this.#look(), Math.min(left, OVERDUE_MS))
  }

  #look() {
    this.#timer = null
    const oldest = this.#hooks.oldest()
    if (oldest === Infinity) return
    if (this.#clock.now() - oldest >= OVERDUE_MS) this.#hooks.happened()
    else this.#wait()
  }
}
