// One open room: what it holds, and what one can do in it.
import { cleanText } from './text.js'
import { Log } from './log.js'
import { Typing } from './typing.js'

const PAGE = 50
const REFRESH = 200 // the most that the server gives at a time

export const roomKey = (name) => `room ${name}`
export const peerKey = (userId) => `private ${userId}`

// As the server says it: milliseconds, or nothing for ever.
export const until = (ms) => (Number.isFinite(ms) && ms > 0 && ms < 8.64e15 ? ms : Infinity)

export class Room {
  // joined; joining (again), also while there is no connection; lost (not in it, for the reason in
  // `problem`); out (put out: see `out`); ended (a private one whose other user the server does not
  // know, or a room that was deleted)
  status = 'joining'
  problem = ''
  out = null // {reason: 'kicked' | 'banned' | 'room-deleted' …, until (ms, 0: for ever), by: {id}}
  id = null
  kind = null // public or invite-only; null where the server does not say
  topic = ''
  owner = null // {id}
  role = null // one's own: member, moderator, owner or admin
  mutedUntil = 0 // ms, Infinity: for ever, 0: not that one knows
  unread = 0 // messages of others after the last markRead()
  read = null // the number up to which all was read; null where nobody says so
  isForgotten = false // it is of a server that had forgotten who one was since one was here
  loading = null // 'older', or the key of the gap that is being filled
  loadProblem = null // {what, message}: why that did not work
  log = new Log()
  #hands
  #range = null // what was asked of `history`
  #asked = 0
  #askedAt = 0
  #reading = null
  #isNew = true // nothing was ever delivered here
  #known = 0 // the number up to which one knew it before the page was loaded
  #promised = 0 // the last number when one joined
  #stale = null // the number up to which what is here may have been changed unheard

  // invited: opened by the other side. hands: what the client does for its rooms.
  constructor(
    { key, name, peer = null, id = null, last = null, read = null, invited = false },
    hands,
  ) {
    this.#hands = hands
    Object.assign(this, { key, name, peer, id, read, invited, private: peer !== null })
    this.typing = new Typing(hands.clock, () => hands.changed(this))
    // Of what one had before only the place is known: what follows is news, the rest is older.
    this.resumeFrom = read ?? last
  }

  // What is there to see: messages, notices and gaps, and below them one's own on their way.
  get items() {
    return [...this.log.items, ...this.#hands.pending(this)]
  }

  get canLoadOlder() {
    return this.log.older && this.#hands.canPage()
  }

  // When the page that is being loaded was asked for.
  get loadingSince() {
    return this.loading ? this.#askedAt : Infinity
  }

  // What one does.

  // Returns the message, or null where too many wait to be sent.
  send(text) {
    this.typing.sent()
    return this.#hands.post(this, cleanText(text))
  }

  // A failed one again under a new id, or none of it.
  retry(id) {
    this.#hands.retry(id)
  }

  discard(id) {
    this.#hands.discard(id)
  }

  rejoin() {
    this.#hands.rejoin(this)
  }

  leave() {
    this.#hands.leave(this)
  }

  // What one does with others' and one's own, each a Promise; rejected with what the server says.

  edit(seq, text) {
    return this.#command('edit-message', { of: seq, message: cleanText(text) })
  }

  // A message, one's own or, for who may, another one's.
  remove(seq) {
    return this.#command('delete-message', { of: seq })
  }

  kick({ id }) {
    return this.#command('kick', { user: { id } })
  }

  // seconds: none for ever.
  ban({ id }, seconds) {
    return this.#command('ban', { user: { id }, for: seconds })
  }

  unban({ id }) {
    return this.#command('unban', { user: { id } })
  }

  mute({ id }, seconds) {
    return this.#command('mute', { user: { id }, for: seconds })
  }

  unmute({ id }) {
    return this.#command('unmute', { user: { id } })
  }

  makeModerator({ id }) {
    return this.#command('make-moderator', { user: { id } })
  }

  removeModerator({ id }) {
    return this.#command('remove-moderator', { user: { id } })
  }

  invite({ id }) {
    return this.#command('invite', { user: { id } })
  }

  setTopic(text) {
    return this.#command('set-topic', { message: cleanText(text).trim() })
  }

  setKind(kind) {
    return this.#command('set-kind', { kind })
  }

  transfer({ id }) {
    return this.#command('transfer-room', { user: { id } })
  }

  // For good, for everybody.
  destroy() {
    return this.#command('delete-room', {})
  }

  // One page of who is on its roll, after that id: {users: [{id, name, role, muted, until}], more},
  // and for who may see that also {banned, moreBanned}, of which a page is after bannedAfter.
  members({ after, bannedAfter, limit } = {}) {
    return this.#command('room-members', { after, bannedAfter, limit })
  }

  // Call it as often as one writes.
  write() {
    if (this.status === 'joined' && this.#hands.canPage() && this.typing.isDue())
      this.#hands.sayTyping(this)
  }

  markRead() {
    if (this.unread === 0 && this.read === this.log.last) return
    this.read = this.log.last
    this.unread = 0
    this.#hands.changed(this, true)
  }

  // The number that one looks at, null for the newest: what is far from it may be dropped.
  setReading(seq) {
    this.#reading = seq
    if (seq === null && this.#trim()) this.#hands.changed(this)
  }

  loadOlder() {
    if (this.canLoadOlder) this.#load('older', { before: this.log.from })
  }

  // forward: what comes first in the gap, otherwise what comes last.
  fillGap(key, forward) {
    const gap = this.log.gap(key)
    if (gap) this.#load(key, forward ? { after: gap.after } : { before: gap.before })
  }

  // What the server does; for the client.

  // base: after which number the messages begin that follow. Returns how many are missed before
  // that.
  entered(id, base, last) {
    if (this.id !== null && id !== this.id) this.#forget()
    const before = this.#isNew ? (this.resumeFrom ?? base) : this.log.last
    if (this.#isNew) this.#known = this.resumeFrom ?? 0
    this.#promised = last
    if (this.#isNew) this.log.begin(base)
    else this.log.resume(base)
    const missed = Math.max(0, base - before)
    this.unread += missed
    Object.assign(this, { id, status: 'joined', problem: '', out: null, resumeFrom: null })
    this.isForgotten = false
    if (missed > 0 && !this.#isNew) this.#stale = Math.max(before, this.#stale ?? 0)
    this.#isNew = false
    this.#refresh()
    return missed
  }

  // What room-joined and room-changed say of it.
  describe({ kind, topic, owner, role, muted, until: end }) {
    if (kind !== undefined) this.kind = kind
    if (topic !== undefined) this.topic = topic ?? ''
    if (owner !== undefined) this.owner = owner
    if (role === undefined) return
    this.role = role
    this.mutedUntil = muted ? until(end) : 0
  }

  // Not everything is here that was there when one joined.
  get isCatchingUp() {
    return this.status === 'joined' && this.log.last < this.#promised
  }

  // Where to go on, as far as that is known.
  get since() {
    return this.#isNew ? this.resumeFrom : this.log.last
  }

  deliver(message) {
    this.typing.stopped(message.sender.id)
    const isNew = this.log.deliver(message) && message.seq > this.#known
    if (isNew && !message.own && message.seq > (this.read ?? 0)) this.unread += 1
    this.#trim()
    return isNew
  }

  // An edit or a delete.
  deliverChange(change) {
    const isNew = this.log.deliverChange(change)
    this.#trim()
    return isNew
  }

  acknowledge(message) {
    this.log.acknowledge(message)
    this.#trim()
  }

  notice(text, ts) {
    this.log.notice(text, ts)
    this.#trim()
  }

  lost(status, problem = '') {
    Object.assign(this, { status, problem, loading: null })
    this.typing.clear()
  }

  history({ messages, more, id }, read) {
    const list = messages.map(read)
    if (id === `s${this.#stale}`) return this.#refreshed(list, more)
    if (!this.loading || id !== this.#requestId()) return
    if (this.loading === 'older') this.log.addOlder(this.#range, list, more)
    else this.log.addToGap(this.loading, this.#range, list, more)
    this.loading = null
    this.#trim()
  }

  historyRefused(message) {
    this.loadProblem = { what: this.loading, message }
    this.loading = null
  }

  // Somebody else's room under the same name, or another one with the same person.
  #forget() {
    Object.assign(this, { unread: 0, read: this.read === null ? null : 0, resumeFrom: null })
    this.log.begin(0)
    this.#isNew = true
    this.#stale = null
  }

  #command(action, fields) {
    return this.#hands.command(this, action, fields)
  }

  // Behind a gap nobody says what was edited or deleted of what is here: it is read again.
  #refresh() {
    if (this.#stale === null || !this.#hands.canPage()) return
    const range = { before: this.#stale + 1, limit: REFRESH }
    this.#hands.ask(this, range, `s${this.#stale}`)
  }

  #refreshed(list, more) {
    for (const entry of list) if (entry.kind === 'message') this.log.refresh(entry)
    const [first] = list
    this.#stale = more && first && first.seq > this.log.from ? first.seq - 1 : null
    this.#refresh()
  }

  #requestId() {
    return `h${this.#asked}`
  }

  #load(what, range) {
    if (this.loading || this.status !== 'joined' || !this.#hands.canPage()) return
    this.#asked += 1
    Object.assign(this, { loading: what, loadProblem: null })
    this.#range = range
    this.#askedAt = this.#hands.clock.now()
    this.#hands.ask(this, { ...range, limit: PAGE }, this.#requestId())
    this.#hands.changed(this)
  }

  #trim() {
    return this.log.trim(this.#reading, this.#hands.canPage())
  }
}
