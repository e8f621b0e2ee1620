// The messages of one room as far as they are here, in the server's order: each once, whichever way
// and however often it comes. Where some are missing there is a gap, which knows the numbers around
// it.
//
// An item is never changed, only replaced: {key, kind: 'message', seq, id, text, sender, ts, own,
// edited, deleted, …}, {kind: 'notice', after, text, ts} or {kind: 'gap', after, before, count}.
//
// An edit or a delete has a number of its own, and stands nowhere but in the message that it is
// about: {kind: 'edit' | 'delete', seq, of, text, sender, ts}. edited and deleted of a message are
// the numbers of its last ones, or 0.

export const KEPT = 500 // items kept when one reads the newest
export const HELD = 1500 // and when one reads older ones
export const SLACK = 50 // how far it may go over, so that not every message moves the whole list
const NEWEST = 100 // what stays at the end when a hole is cut
const CHANGES = 500 // changes that are remembered for what is not here yet

// Items are in the order of this; a notice and a gap stand behind the message that was before them.
const place = (item) => (item.kind === 'message' ? item.seq : item.after + 0.5)

const changedBy = ({ edited = 0, deleted = 0 }) => Math.max(edited, deleted)

const isSame = (a, b) =>
  a.sender.id === b.sender.id &&
  a.ts === b.ts &&
  (a.text === b.text || changedBy(a) + changedBy(b) > 0)

// A text that was removed since stands in no edit of it, either: then its delete follows.
function applied(message, change) {
  if (!change || change.seq <= changedBy(message)) return message
  if (change.kind === 'delete') return { ...message, text: '', deleted: change.seq }
  return change.text ? { ...message, text: change.text, edited: change.seq } : message
}

export class Log {
  last = 0 // the number of the last one delivered: where to go on after a loss
  from = 1 // everything from here up to `last` is here or in a gap
  older = false // the server has some from before that
  trimmed = false // some were here and were dropped
  #items = []
  #early = new Set() // numbers of one's own that were acknowledged and not delivered yet
  #changes = new Map() // by the number of what is changed: it may be read as it was before that
  #keys = 0

  get items() {
    return this.#items
  }

  // What follows comes after this number, and nothing is here yet.
  begin(last) {
    Object.assign(this, { last, from: last + 1, older: last > 0, trimmed: false })
    this.#items = []
    this.#early.clear()
    this.#changes.clear()
  }

  // The same after a loss: what is between is missing. Less than before is possible, too: another
  // instance that is behind, or a server that was given an old database.
  resume(last) {
    if (last < this.from - 1) return this.begin(last)
    if (last > this.last) this.#openGap(this.last, last + 1)
    for (const [of, { seq }] of this.#changes) if (seq > last) this.#changes.delete(of)
    this.last = last
  }

  // Returns whether it is new.
  deliver(message) {
    const { seq } = message
    if (seq <= this.last) return false
    if (seq > this.last + 1) this.#openGap(this.last, seq)
    this.last = seq
    const at = this.#find(seq)
    if (at < 0) {
      this.#insert(message)
      return true
    }
    const here = this.#items[at]
    const wasEarly = this.#early.delete(seq)
    const isRepeated = isSame(here, message)
    if (!isRepeated || changedBy(message) > changedBy(here))
      this.#items[at] = { ...message, key: here.key }
    return !isRepeated || wasEarly
  }

  // The same for an edit or a delete.
  deliverChange(change) {
    const { seq } = change
    if (seq <= this.last) return false
    if (seq > this.last + 1) this.#openGap(this.last, seq)
    this.last = seq
    this.change(change)
    return true
  }

  // Wherever it was read.
  change(change) {
    const { seq, of } = change
    if ((this.#changes.get(of)?.seq ?? 0) < seq) {
      this.#changes.delete(of)
      this.#changes.set(of, change)
      if (this.#changes.size > CHANGES) this.#changes.delete(this.#changes.keys().next().value)
    }
    const at = this.#find(of)
    if (at >= 0) this.#items[at] = applied(this.#items[at], change)
  }

  // As the server has it by now, of what is here.
  refresh(message) {
    const at = this.#find(message.seq)
    if (at < 0 || changedBy(message) <= changedBy(this.#items[at])) return
    this.#items[at] = { ...message, key: this.#items[at].key }
  }

  // One's own, stored under this number; it takes its place at once.
  acknowledge(message) {
    const { seq } = message
    if (seq < this.from || this.#isMissing(seq) || this.#find(seq) >= 0) return
    this.#insert(message)
    if (seq > this.last) this.#early.add(seq)
  }

  notice(text, ts) {
    this.#insert({ key: this.#key(), kind: 'notice', after: this.last, text, ts })
  }

  gap(key) {
    return this.#items.find((item) => item.kind === 'gap' && item.key === key)
  }

  // An answer of `history` to {before: from}. One that is about another place by now is dropped.
  addOlder(range, messages, more) {
    if (range.before !== this.from) return
    for (const message of messages) this.#put(message)
    this.from = messages.length ? Math.min(this.from, messages[0].seq) : this.from
    this.older = more && messages.length > 0 && this.from > 1
  }

  // The same for a gap, to {after: gap.after} or {before: gap.before}.
  addToGap(key, range, messages, more) {
    const gap = this.gap(key)
    if (!gap || (range.after !== gap.after && range.before !== gap.before)) return
    const inside = messages.filter(({ seq }) => seq > gap.after && seq < gap.before)
    this.#items.splice(this.#items.indexOf(gap), 1)
    for (const message of inside) this.#put(message)
    let { after, before } = gap
    if (range.after !== undefined) after = inside.at(-1)?.seq ?? before
    else before = inside[0]?.seq ?? after
    if (more && before - after > 1) this.#insert(this.#makeGap(after, before, key))
  }

  // Keeps memory bounded. reading: the number that one looks at, or null for the newest. Returns
  // whether something was dropped.
  trim(reading, canPage) {
    const excess = this.#items.length - (reading === null ? KEPT : HELD)
    if (excess <= SLACK) return false
    const at = reading === null ? Infinity : this.#upper(reading)
    if (canPage && at < this.#items.length / 2)
      this.#cut(this.#items.length - NEWEST - excess, excess)
    else this.#dropOldest(excess)
    return true
  }

  #dropOldest(count) {
    for (const item of this.#items.splice(0, count)) {
      if (item.kind === 'message') this.from = item.seq + 1
      else if (item.kind === 'gap') this.from = item.before
    }
    this.older = this.trimmed = true
  }

  // Some between what one reads and the newest; they can be loaded again.
  #cut(at, count) {
    let end = at + count
    while (this.#items[at - 1]?.kind === 'gap') at -= 1
    while (this.#items[end]?.kind === 'gap') end += 1
    const [first, ...rest] = this.#items.splice(at, end - at)
    const last = rest.at(-1) ?? first
    const after = first.kind === 'message' ? first.seq - 1 : first.after
    const before = last.kind === 'gap' ? last.before : Math.floor(place(last)) + 1
    this.#openGap(after, before)
  }

  // One's own that were acknowledged are here already.
  #openGap(after, before) {
    while (after + 1 < before && this.#find(after + 1) >= 0) after += 1
    while (before - 1 > after && this.#find(before - 1) >= 0) before -= 1
    if (before - after > 1) this.#insert(this.#makeGap(after, before))
  }

  #makeGap(after, before, key = this.#key()) {
    return { key, kind: 'gap', after, before, count: before - after - 1 }
  }

  #key() {
    this.#keys += 1
    return `n${this.#keys}`
  }

  #isMissing(seq) {
    return this.#items.some((item) => item.kind === 'gap' && seq > item.after && seq < item.before)
  }

  // Of a page of the past.
  #put(entry) {
    if (entry.kind !== 'message') this.change(entry)
    else if (this.#find(entry.seq) < 0) this.#insert(entry)
    else this.refresh(entry)
  }

  #insert(item) {
    const change = item.kind === 'message' ? this.#changes.get(item.seq) : null
    this.#items.splice(this.#upper(place(item)), 0, applied(item, change))
  }

  // The index of the first one behind that place.
  #upper(where) {
    let low = 0
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (place(this.#items[middle]) <= where) low = middle + 1
      else high = middle
    }
    return low
  }

  #find(seq) {
    const at = this.#upper(seq) - 1
    return this.#items[at]?.kind === 'message' && this.#items[at].seq === seq ? at : -1
  }
}
