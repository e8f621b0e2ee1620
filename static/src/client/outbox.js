// One's own messages until they are stored: in order, room by room, each under an id of its own, by
// which the server knows one that is sent again. A message is
//   waiting   for its room to be joined, for others before it, or for a pause to end
//   sending   handed to the socket, and neither acknowledged nor refused
//   failed    refused for good, or of somebody that one is no more: a person decides
import { backoff } from './connection.js'

export const MOST = 200
export const MOST_TEXT = 1_000_000 // UTF-16 units, of all that wait together

export class Outbox {
  #lanes = new Map() // by the room's key
  #sender = null // {id, name}
  #environment
  #hooks
  #lastOrder = 0
  limits = { underWay: 64, messagesPerSecond: 0 }
  store = null // set once it is known that one can come back as who one is

  // environment: now(), setTimeout(), clearTimeout(), random(), newId().
  // hooks: transmit(key, message), which returns whether it was handed on; changed(key).
  constructor(environment, hooks) {
    this.#environment = environment
    this.#hooks = hooks
  }

  get size() {
    return this.#all().length
  }

  of(key) {
    return this.#lanes.get(key)?.messages ?? []
  }

  // As whom all is sent from now on. What somebody else wrote may be stored as theirs and may be
  // not: it is not sent again by itself.
  become(sender, store) {
    const moved = this.#sender && this.#sender.id !== sender.id ? this.#all() : []
    for (const { id } of moved) this.store?.dropMessage(this.#sender.id, id)
    const unkept = moved.length || !this.store
    this.#sender = sender
    this.store = store
    for (const message of moved)
      this.#replace(message, {
        state: 'failed',
        error: 'Not confirmed, and the server does not know you any more.',
      })
    if (unkept) for (const message of this.#all()) this.#keep(message)
  }

  // What was kept, as the same user.
  restore(sender, store) {
    this.#sender = sender
    this.store = store
    for (const kept of store.messages(sender.id)) {
      const state = kept.error ? 'failed' : 'waiting'
      const message = { ...kept, ...this.#shape(kept.id, sender), state, error: kept.error ?? '' }
      this.#lastOrder = Math.max(this.#lastOrder, kept.order)
      this.#lane(kept.room.key).messages.push(message)
    }
  }

  // Returns the message, or null where too many wait already. room: {key, name, peer}.
  add(room, text) {
    const waiting = this.#all()
    const units = waiting.reduce((sum, one) => sum + one.text.length, text.length)
    if (waiting.length >= MOST || units > MOST_TEXT) return null
    const { now, newId } = this.#environment
    const id = newId()
    this.#lastOrder = Math.max(this.#lastOrder + 1, now())
    const message = {
      ...this.#shape(id, this.#sender),
      by: this.#sender?.id,
      room: { key: room.key, name: room.name, peer: room.peer },
      text,
      ts: now(),
      order: this.#lastOrder,
      state: 'waiting',
      error: '',
    }
    this.#lane(room.key).messages.push(message)
    this.#keep(message)
    this.#hooks.changed(room.key)
    this.#pump()
    return message
  }

  // Once more, as a new message: the server remembers that it refused the old one.
  retry(id) {
    const message = this.#find(id)
    if (message?.state !== 'failed') return
    this.discard(id)
    this.add(message.room, message.text)
  }

  // Not while it is on its way: then nobody knows whether it is stored.
  discard(id) {
    const message = this.#find(id)
    if (message && message.state !== 'sending') this.#take(message)
  }

  discardRoom(key) {
    for (const { id } of this.of(key)) this.store?.dropMessage(this.#sender.id, id)
    this.#environment.clearTimeout(this.#lanes.get(key)?.timer)
    this.#lanes.delete(key)
    this.#pump()
  }

  // The room is joined.
  open(key) {
    const lane = this.#lane(key)
    lane.open = true
    this.#resume(lane)
    this.#pump()
  }

  // The connection is gone, or the room is: what was on its way is to be sent again.
  close(key) {
    const lane = this.#lanes.get(key)
    if (!lane) return
    lane.open = false
    this.#resume(lane)
    for (const message of lane.messages)
      if (message.state === 'sending') this.#replace(message, { state: 'waiting' })
  }

  // One was put out of the room: a person decides, as long as the page is open.
  fail(key, error) {
    for (const message of this.of(key)) {
      this.store?.dropMessage(this.#sender.id, message.id)
      this.#replace(message, { state: 'failed', error })
    }
  }

  closeAll() {
    for (const key of this.#lanes.keys()) this.close(key)
  }

  clear() {
    for (const { timer } of this.#lanes.values()) this.#environment.clearTimeout(timer)
    this.#lanes.clear()
    this.#sender = null
    this.store = null
  }

  // It is stored, as the ack says or as it came back. Returns it, or null where it is none of
  // these.
  settle(key, id, senderId) {
    const message = this.of(key).find((one) => one.id === id && one.by === senderId)
    if (!message) return null
    const lane = this.#lanes.get(key)
    lane.attempt = 0
    if (!lane.messages.some(({ state }) => state === 'waiting')) lane.narrow = false
    this.#take(message)
    this.#pump()
    return message
  }

  // Returns whether there was such a message. key may be unknown.
  refuse(key, id, error, again) {
    const message = this.#find(id)
    if (message?.state !== 'sending' || (key && key !== message.room.key)) return false
    this.#replace(message, { state: again ? 'waiting' : 'failed', error })
    if (again) this.#pause(this.#lanes.get(message.room.key))
    else this.#keep(this.#find(id))
    this.#pump()
    return true
  }

  // When the one that is under way for longest was sent.
  oldestSending() {
    return Math.min(
      ...this.#all().map(({ state, sentAt }) => (state === 'sending' ? sentAt : Infinity)),
    )
  }

  // Another tab has settled or discarded it.
  forget(id) {
    const message = this.#find(id)
    if (message && message.state !== 'sending') this.#take(message)
  }

  #shape(id, sender) {
    return { key: `o${id}`, kind: 'message', id, sender, seq: 0, own: true }
  }

  #all() {
    return [...this.#lanes.values()].flatMap(({ messages }) => messages)
  }

  #find(id) {
    return this.#all().find((message) => message.id === id)
  }

  #lane(key) {
    if (!this.#lanes.has(key))
      this.#lanes.set(key, {
        key,
        messages: [],
        open: false,
        narrow: false,
        attempt: 0,
        timer: null,
      })
    return this.#lanes.get(key)
  }

  #take(message) {
    const { key } = message.room
    const lane = this.#lanes.get(key)
    lane.messages = lane.messages.filter(({ id }) => id !== message.id)
    this.store?.dropMessage(this.#sender.id, message.id)
    this.#hooks.changed(key)
  }

  #replace(message, change) {
    const lane = this.#lanes.get(message.room.key)
    lane.messages = lane.messages.map((one) =>
      one.id === message.id ? { ...one, ...change } : one,
    )
    this.#hooks.changed(message.room.key)
  }

  #keep({ id, by, text, ts, order, error, state, room }) {
    const kept = { id, by, text, ts, order, room, error: state === 'failed' ? error : '' }
    this.store?.keepMessage(this.#sender.id, kept)
  }

  // One after the other from here on: of several on their way, one may be refused and the next not.
  #pause(lane) {
    const { setTimeout, clearTimeout, random } = this.#environment
    lane.narrow = true
    clearTimeout(lane.timer)
    lane.timer = setTimeout(
      () => {
        lane.timer = null
        this.#pump()
      },
      backoff(lane.attempt, random),
    )
    lane.attempt += 1
  }

  #resume(lane) {
    this.#environment.clearTimeout(lane.timer)
    Object.assign(lane, { timer: null, attempt: 0, narrow: false })
  }

  #pump() {
    const { underWay, messagesPerSecond } = this.limits
    let room = underWay - this.#all().filter(({ state }) => state === 'sending').length
    for (const lane of [...this.#lanes.values()]) {
      if (!lane.open || lane.timer !== null) continue
      const oneByOne = lane.narrow || messagesPerSecond > 0
      for (const message of lane.messages) {
        if (message.state === 'sending' && oneByOne) break
        if (message.state !== 'waiting') continue
        if (room <= 0 || !this.#hooks.transmit(lane.key, message)) return
        room -= 1
        this.#replace(message, { state: 'sending', error: '', sentAt: this.#environment.now() })
        if (oneByOne) break
      }
    }
  }
}
