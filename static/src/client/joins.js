// The joins under way. One at a time of each kind, since an error does not say which room it is
// about: so it is about the one that was asked for last.

export class Joins {
  #send
  #lanes = { room: [], private: [] }

  constructor(send) {
    this.#send = send
  }

  // The connection is gone. Returns those that a person waits for, to be added again on the next one.
  clear() {
    const asked = Object.values(this.#lanes)
      .flat()
      .filter(({ resolve, cancelled }) => resolve && !cancelled)
    this.#lanes = { room: [], private: [] }
    return asked
  }

  // entry: {kind: 'room' | 'private', what (name or user id), …}
  add(entry) {
    const lane = this.#lanes[entry.kind]
    lane.push(entry)
    if (lane.length === 1) this.#send(entry)
  }

  find(kind, what) {
    return this.#lanes[kind].find((entry) => entry.what === what && !entry.cancelled)
  }

  // The one that the answer belongs to, and the next one is sent. For a private room, nothing where
  // the answer is about somebody else: that is an invitation.
  settle(kind, userId) {
    const lane = this.#lanes[kind]
    if (!lane.length || (userId !== undefined && lane[0].what !== userId)) return null
    const entry = lane.shift()
    if (lane.length) this.#send(lane[0])
    return entry
  }
}
