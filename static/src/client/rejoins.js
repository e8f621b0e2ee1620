// Rooms that could not be joined again: when to try once more, later and later until it works.
import { backoff } from './connection.js'

export class Rejoins {
  #open = new Map() // {timer, attempt} by the room's key
  #environment
  #rejoin

  // environment: setTimeout(), clearTimeout(), random(). rejoin(room): tries it.
  constructor(environment, rejoin) {
    this.#environment = environment
    this.#rejoin = rejoin
  }

  later(room) {
    const attempt = this.#open.get(room.key)?.attempt ?? 0
    this.begun(room)
    const wait = backoff(attempt, this.#environment.random)
    const timer = this.#environment.setTimeout(() => this.#rejoin(room), wait)
    this.#open.set(room.key, { timer, attempt: attempt + 1 })
  }

  // It is tried now, for whatever reason. If it fails, the next time is later still.
  begun({ key }) {
    this.#environment.clearTimeout(this.#open.get(key)?.timer)
  }

  forget(room) {
    this.begun(room)
    this.#open.delete(room.key)
  }

  clear() {
    for (const { timer } of this.#open.values()) this.#environment.clearTimeout(timer)
    this.#open.clear()
  }
}
