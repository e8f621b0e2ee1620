// The joins under way, several at a time. What succeeds says which room it is; an error does not. But
// every join has one answer: so, once as many errors have come as joins are open, these are refused.

const MOST = 24 // of each kind; the server takes 64 requests of all kinds at a time

export class Joins {
  #hooks
  #lanes

  // hooks: now(); send(entry), whether it was handed to the socket; refused(entry, error), with null as the entry for an error too many: that is
  // about a room that had been joined before.
  constructor(hooks) {
    this.#hooks = hooks
    this.clear()
  }

  // The connection is gone. Returns those that a person waits for, to be added again on the next one.
  clear() {
    const open = Object.values(this.#lanes ?? {}).flatMap(({ asked, waiting }) => [
      ...asked,
      ...waiting,
    ])
    const lane = () => ({ asked: [], waiting: [], errors: [] })
    this.#lanes = { room: lane(), private: lane() }
    return open.filter(({ resolve, cancelled }) => resolve && !cancelled)
  }

  // entry: {kind: 'room' | 'private', what (name or user id), …}
  add(entry) {
    const lane = this.#lanes[entry.kind]
    lane.waiting.push(entry)
    this.#pump(lane)
  }

  find(kind, what) {
    const { asked, waiting } = this.#lanes[kind]
    return [...asked, ...waiting].find((entry) => entry.what === what && !entry.cancelled)
  }

  // The one that this is the answer to; null where there is none: it is an invitation.
  succeed(kind, what) {
    const lane = this.#lanes[kind]
    const at = lane.asked.findIndex((entry) => entry.what === what)
    const entry = at < 0 ? null : lane.asked.splice(at, 1)[0]
    this.#pump(lane)
    this.#refuse(lane)
    return entry
  }

  fail(kind, error) {
    const lane = this.#lanes[kind]
    if (!lane.asked.length) return this.#hooks.refused(null, error)
    lane.errors.push(error)
    this.#refuse(lane)
  }

  // When the one that is under way for longest was sent.
  oldest() {
    const asked = Object.values(this.#lanes).flatMap((lane) => lane.asked)
    return Math.min(Infinity, ...asked.map(({ at }) => at))
  }

  // While nobody knows which ones are refused, no more are asked for.
  #pump(lane) {
    while (lane.waiting.length && lane.asked.length < MOST && !lane.errors.length) {
      const entry = lane.waiting.shift()
      lane.asked.push(entry)
      entry.at = this.#hooks.now()
      if (!this.#hooks.send(entry)) entry.at = Infinity
    }
  }

  #refuse(lane) {
    if (!lane.errors.length || lane.errors.length < lane.asked.length) return
    const { asked, errors } = lane
    Object.assign(lane, { asked: [], errors: [] })
    errors.forEach((error, at) => this.#hooks.refused(asked[at] ?? null, error))
    this.#pump(lane)
  }
}
