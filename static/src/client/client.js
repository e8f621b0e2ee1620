// Keeps a connection to a chatd, and all that it knows of its rooms, through losses and restarts.
// index.js says how to use it.
import { systemClock } from './clock.js'
import { Commands } from './commands.js'
import { Connection } from './connection.js'
import { readChange, readEntry, readMessage } from './entries.js'
import { Events } from './events.js'
import { Joins } from './joins.js'
import { Outbox } from './outbox.js'
import { Overdue } from './overdue.js'
import { LIMITS, request, socketUrl } from './protocol.js'
import { Rejoins } from './rejoins.js'
import { Room, peerKey, roomKey, until } from './room.js'
import { Store } from './store.js'
import { cleanText } from './text.js'
import { Unsaved } from './unsaved.js'

const MAX_ORPHANS = 200
const LIST_PAGE = 200 // the most that the server gives at a time

// Not randomUUID(), which browsers have on https and localhost only; nor need it be a secret.
function randomId() {
  const bytes = new Uint8Array(16)
  if (globalThis.crypto) crypto.getRandomValues(bytes)
  else bytes.forEach((_, at) => (bytes[at] = 256 * Math.random()))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

// One is not in it, and does not want to be joined to it by itself.
const isOver = ({ status }) => status === 'ended' || status === 'out'

export class ChatClient {
  phase = 'closed' // of the connection, with retryAt and why: see connection.js
  retryAt = 0
  why = ''
  name = ''
  user = null // {id, name, account}, from the server
  isAccount = false // one is known by the browser's cookie, and not by a token that is kept here
  isAdmin = false
  limits = { ...LIMITS }
  rooms = []
  people = new Map() // who is online, by id
  first = null // the key of the room that is joined again first
  #token = null
  #clock
  #url
  #store
  #events = new Events()
  #connection
  #outbox
  #joins
  #commands
  #creating = new Map() // the ids of commands, by the names of the rooms that they make
  #newId
  #orphans = [] // what came for a room before its room-joined
  #left = new Set() // ids of rooms that were left: what is still on its way from there is dropped
  #rejoins
  #overdue
  #unsaved
  #lastOrder = 0
  #hands

  // url: of the server's /ws. Further: createSocket(url), storage (as localStorage), now(),
  // setTimeout(), clearTimeout(), random(), newId().
  constructor({ url, storage = null, ...given }) {
    const environment = {
      createSocket: (address) => new WebSocket(address),
      random: () => Math.random(),
      newId: randomId,
      ...systemClock(),
      ...given,
    }
    this.#url = url
    this.#clock = environment
    this.#newId = environment.newId
    this.#store = new Store(storage, url)
    this.#connection = new Connection(
      {
        documents: (documents) => this.#receive(documents),
        change: (change) => this.#connectionChanged(change),
      },
      environment,
    )
    this.#outbox = new Outbox(environment, {
      transmit: (key, message) => this.#transmit(key, message),
      changed: (key) => this.#touch(this.room(key)),
    })
    this.#joins = new Joins({
      now: environment.now,
      send: (entry) => this.#sendJoin(entry),
      refused: (entry, error) => this.#joinRefused(entry, error),
    })
    this.#commands = new Commands(
      environment,
      (document) => this.phase === 'connected' && this.#sendAsking(document),
    )
    this.#rejoins = new Rejoins(environment, (room) => this.#rejoin(room))
    this.#overdue = new Overdue(environment, {
      oldest: () => this.#oldestAsked(),
      happened: () => this.#connection.giveUp('The server does not answer.'),
    })
    this.#unsaved = new Unsaved(environment, (room) => this.#keepRoom(room))
    this.#hands = {
      clock: environment,
      changed: (room, keep) => this.#touch(room, keep),
      canPage: () => this.limits.history > 0,
      pending: ({ key }) => this.#outbox.of(key),
      post: (room, text) => this.#outbox.add(room, text),
      retry: (id) => this.#outbox.retry(id),
      discard: (id) => this.#outbox.discard(id),
      rejoin: (room) => this.#rejoin(room),
      leave: (room) => this.#leave(room),
      command: ({ id }, action, fields) =>
        this.#commands.ask(request.inRoom(action, id ?? '', fields)),
      sayTyping: ({ id }) => this.#connection.send(request.typing(id)),
      ask: ({ id }, range, requestId) =>
        this.#sendAsking(request.history(id, range, requestId)),
    }
  }

  // What one does.

  on(event, listener) {
    return this.#events.on(event, listener)
  }

  // Whether there is somebody of this name that one can come back as.
  remembers(name) {
    return this.#store.identity(cleanText(name).trim(), this.#clock.now()) !== null
  }

  // Who was signed in with an account in this browser, {id, name}, or null.
  get account() {
    return this.#store.account()
  }

  // With the cookie of an account that one has signed in to. user: {id, name}.
  connectAccount(user) {
    Object.assign(this, { name: user.name, isAccount: true })
    this.#store.keepAccount(user)
    this.#store.sweep(this.#clock.now())
    this.#restore({ token: null, user })
    this.#connection.open(() => socketUrl(this.#url, null))
  }

  connect(name) {
    Object.assign(this, { name: cleanText(name).trim(), isAccount: false })
    this.#store.sweep(this.#clock.now())
    const kept = this.#store.identity(this.name, this.#clock.now())
    if (kept) this.#restore(kept)
    // Another tab may have become somebody new under this name: then so does this one.
    const token = () => this.#store.identity(this.name, this.#clock.now())?.token ?? this.#token
    this.#connection.open(() => socketUrl(this.#url, this.name, token()))
  }

  // For now: all is there again on the next connect().
  disconnect() {
    this.save()
    this.#connection.close()
    for (const { reject } of this.#joins.clear()) reject(new Error('The connection was closed.'))
    this.#commands.lose()
    this.#outbox.clear()
    this.#rejoins.clear()
    this.#overdue.stop()
    for (const room of this.rooms) room.typing.clear()
    this.#left.clear()
    this.#orphans = []
    this.people.clear()
    Object.assign(this, { user: null, isAdmin: false, rooms: [], limits: { ...LIMITS } })
    this.#token = null
  }

  // For good: whoever takes the name next is somebody else, and what waits to be sent is gone.
  signOut() {
    const { user } = this
    this.forgetMe()
    if (user) this.#store.forgetUser(user.id)
  }

  // The server does not take one for who one was any more. Whoever signs in to the same account
  // again finds what waited to be sent.
  forgetMe() {
    const { name, isAccount } = this
    this.disconnect()
    if (isAccount) this.#store.forgetAccount()
    else this.#store.forgetIdentity(name)
  }

  reconnectNow() {
    this.#connection.reconnectNow()
  }

  // A Promise of the room. Without a connection it waits for one.
  join(text) {
    const name = cleanText(text).trim()
    return this.#open('room', name, this.room(roomKey(name)))
  }

  openPrivate({ id, name }) {
    return this.#open('private', id, this.room(peerKey(id)), name)
  }

  // kind: public or invite-only. A Promise of the room; whoever makes it is its owner.
  createRoom(text, { kind = 'public', topic = '' } = {}) {
    const name = cleanText(text).trim()
    const id = this.#newId()
    const answer = this.#commands.ask(request.createRoom(name, kind, cleanText(topic).trim()), id)
    this.#creating.set(name, id)
    const done = () => this.#creating.get(name) === id && this.#creating.delete(name)
    answer.then(done, done)
    return answer.then(() => this.room(roomKey(name)))
  }

  // One page of the rooms that one may see, after this name: {rooms: [{id, name, kind, topic,
  // online, owner}], more}.
  listRooms({ after, limit } = {}) {
    return this.#commands.ask(request.rooms(after, limit))
  }

  block({ id }) {
    return this.#commands.ask(request.block(id))
  }

  unblock({ id }) {
    return this.#commands.ask(request.unblock(id))
  }

  // Whom one has blocked.
  async blocks() {
    const all = []
    for (;;) {
      const page = await this.#commands.ask(request.blocks(all.at(-1)?.id, LIST_PAGE))
      all.push(...page.users)
      if (!page.more || !page.users.length) return all
    }
  }

  room(key) {
    return this.rooms.find((one) => one.key === key)
  }

  // How many messages wait to be sent.
  get waiting() {
    return this.#outbox.size
  }

  // What is kept is kept within a second; for a page that goes away, now.
  save() {
    this.#unsaved.save()
  }

  // Another tab has removed this entry of the storage.
  storageRemoved(entry) {
    const id = this.user && this.#store.messageIdOf(this.user.id, entry)
    if (id) this.#outbox.forget(id)
  }

  // The connection.

  // What has an answer. Returns whether it was handed to the socket.
  #sendAsking(document) {
    const sent = this.#connection.send(document)
    if (sent) this.#overdue.watch()
    return sent
  }

  #oldestAsked() {
    return Math.min(
      this.#outbox.oldestSending(),
      this.#commands.oldest(),
      this.#joins.oldest(),
      ...this.rooms.map(({ loadingSince }) => loadingSince),
    )
  }

  #connectionChanged(change) {
    const before = this.phase
    Object.assign(this, change)
    if (change.phase !== 'connected' && before === 'connected') {
      const asked = this.#joins.clear()
      this.#commands.lose()
      this.#rejoins.clear()
      for (const room of this.rooms) if (!isOver(room)) room.lost('joining')
      this.#outbox.closeAll()
      for (const room of this.rooms) this.#touch(room)
      for (const entry of asked) this.#joins.add(entry)
    }
    this.#events.emit('connection', change)
  }

  #receive(documents) {
    const changes = []
    for (const document of documents) {
      if (document.action === 'user-join' || document.action === 'user-left') {
        const online = document.action === 'user-join'
        changes.push({ user: document.sender, online })
        this.#peerChanged(document.sender, online)
      } else if (document.action === 'welcome') {
        changes.length = 0
        this.#welcomed(document)
      } else {
        this.#handle(document)
      }
    }
    if (changes.length) this.#events.emit('people', changes)
  }

  #handle(document) {
    const { action } = document
    if (action === 'send-message' || action === 'edit-message' || action === 'delete-message')
      this.#delivered(document)
    else if (action === 'room-joined') this.#roomJoined(document)
    else if (action === 'room-left') this.#putOut(document)
    else if (action === 'room-changed') this.#roomChanged(document)
    else if (action === 'history') this.#historyCame(document)
    else if (action === 'typing') this.#typingHeard(document)
    else if (this.#commands.answered(document)) return
    else if (action === 'message-ack') this.#acknowledged(document)
    else if (action === 'error') this.#refused(document)
  }

  #welcomed({ user, token, tokenExpires, limits, admin }) {
    const before = this.user
    const isAnother = Boolean(before) && before.id !== user.id
    const isAccount = Boolean(user.account)
    const isAdmin = Boolean(admin ?? user.admin)
    Object.assign(this, { user, isAccount, isAdmin, limits: { ...LIMITS, ...limits } })
    this.#token = token ?? null
    this.people.clear()
    this.#left.clear()
    this.#orphans = []
    if (isAnother) this.#store.forgetUser(before.id)
    if (isAccount) this.#store.keepAccount({ id: user.id, name: user.name })
    else if (token) this.#store.keepIdentity(this.name, { token, expires: tokenExpires, user })
    this.#outbox.limits = this.limits
    this.#outbox.become(user, token || isAccount ? this.#store : null)
    this.#connection.confirm()
    this.#events.emit('welcome', { user, isAnother })
    for (const room of this.rooms) {
      room.isForgotten ||= isAnother
      this.#touch(room, isAnother)
    }
    const asked = this.#joins.clear()
    const rank = (room) => (room.key === this.first ? 0 : 1)
    const again = this.rooms.filter((room) => !isOver(room))
    for (const room of again.sort((a, b) => rank(a) - rank(b)))
      this.#rejoin(room, !room.private || !isAnother)
    for (const entry of asked) this.#joins.add(entry)
  }

  // Joining and leaving.

  #open(kind, what, room, name) {
    if (room?.status === 'lost' || room?.status === 'out') this.#rejoin(room)
    if (room && room.status !== 'ended') return Promise.resolve(room)
    return new Promise((resolve, reject) => {
      const entry = this.#joins.find(kind, what)
      if (!entry)
        return this.#joins.add({ kind, what, name, key: room?.key, resumes: true, resolve, reject })
      const first = { ...entry }
      entry.resolve = (opened) => [first.resolve, resolve].forEach((one) => one?.(opened))
      entry.reject = (error) => [first.reject, reject].forEach((one) => one?.(error))
    })
  }

  #rejoin(room, resumes = true) {
    if (this.phase !== 'connected') return
    this.#rejoins.begun(room)
    const kind = room.private ? 'private' : 'room'
    const what = room.private ? room.peer.id : room.name
    if (this.#joins.find(kind, what)) return
    if (room.status !== 'joined') Object.assign(room, { status: 'joining', problem: '' })
    this.#joins.add({ kind, what, key: room.key, resumes })
    this.#touch(room)
  }

  // Without a connection it waits in its lane.
  #sendJoin({ kind, what, key, resumes, resolve }) {
    if (this.phase !== 'connected') return false
    const make = kind === 'room' ? request.joinRoom : request.joinPrivate
    const room = this.room(key)
    const since = resumes && this.limits.resume > 0 ? room?.since : null
    // A room that was deleted meanwhile is not made anew by who was in it: only by who asks for it.
    const create = resolve || !room?.id || room.isForgotten ? undefined : false
    return this.#sendAsking(make(what, since ?? undefined, create))
  }

  #leave(room) {
    this.rooms = this.rooms.filter((one) => one !== room)
    const entry = this.#joins.find(room.private ? 'private' : 'room', room.peer?.id ?? room.name)
    if (entry) entry.cancelled = true
    if (room.status === 'joined') this.#leaveRoom(room.id)
    this.#rejoins.forget(room)
    room.typing.clear()
    this.#outbox.discardRoom(room.key)
    this.#unsaved.drop(room)
    if (this.user) this.#store.dropRoom(this.user.id, room.key)
    this.#events.emit('closed', room)
  }

  #leaveRoom(id) {
    this.#left.add(id)
    this.#connection.send(request.leaveRoom(id))
  }

  #roomJoined(document) {
    const { target, sender, lastSeq = 0, since } = document
    const kind = target.private ? 'private' : 'room'
    const entry = this.#joins.succeed(kind, sender?.id ?? target.name)
    if (entry?.cancelled) return this.#leaveRoom(target.id)
    this.#left.delete(target.id)
    const key = target.private ? peerKey(sender.id) : roomKey(target.name)
    const invited = !entry && !this.#creating.has(target.name)
    const made = { key, name: sender?.name ?? target.name, peer: sender ?? null, invited }
    const known = this.room(key)
    const room = known ?? this.#add(made)
    room.describe(document)
    if (sender) Object.assign(room, { name: sender.name, peer: sender }) // it may be deleted by now
    this.#enter(room, target.id, lastSeq, since)
    if (!known) this.save() // for a tab that is opened in the next second
    entry?.resolve?.(room)
    if (!target.private)
      this.#commands.answered({ ...document, id: this.#creating.get(target.name) })
  }

  #roomChanged(document) {
    const room = this.rooms.find(({ id }) => id === document.target.id)
    room?.describe(document)
    this.#touch(room)
  }

  // Kicked, banned, or the room is no more. It is not joined again by itself.
  #putOut({ target, reason, until: end, by = null }) {
    const room = this.rooms.find(({ id }) => id === target.id)
    if (room) this.#out(room, { reason, until: until(end), by })
  }

  #out(room, out) {
    this.#rejoins.forget(room)
    room.lost(out.reason === 'room-deleted' ? 'ended' : 'out')
    room.out = out
    this.#outbox.close(room.key)
    this.#outbox.fail(room.key, 'Not sent: you are not in this room any more.')
    this.#unsaved.drop(room)
    if (this.user) this.#store.dropRoom(this.user.id, room.key)
    this.#touch(room)
    this.#events.emit('out', { room, ...out })
  }

  #enter(room, id, lastSeq, since) {
    this.#rejoins.forget(room)
    if (room.status === 'joined' && room.id === id) return
    const isAnother = room.id !== null && room.id !== id
    const from = isAnother ? null : room.since
    const missed = room.entered(id, since ?? lastSeq, lastSeq)
    this.#touch(room, true)
    this.#events.emit('joined', { room, from, last: lastSeq, missed, isAnother })
    const early = this.#orphans.filter(({ target }) => target.id === id)
    this.#orphans = this.#orphans.filter(({ target }) => target.id !== id)
    for (const document of early) this.#delivered(document)
    this.#outbox.open(room.key)
  }

  #joinRefused(entry, error) {
    // It can be about a room of which the missed messages could not be read to the end, instead. To
    // join that once more does no harm if it is not.
    for (const room of this.rooms) if (room.isCatchingUp) this.#rejoins.later(room)
    if (entry) this.#settleRefused(entry, error)
  }

  #settleRefused({ key, name, cancelled, reject }, { code, message, retry, until: end }) {
    const text =
      code === 'no-such-user' && name ? `The server does not know ${name} any more.` : message
    reject?.(Object.assign(new Error(text), { code, retry, until: end }))
    const room = this.room(key)
    if (cancelled || !room) return
    if (code === 'banned') return this.#out(room, { reason: code, until: until(end), by: null })
    if (code === 'no-such-room')
      return this.#out(room, { reason: 'room-deleted', until: until(0), by: null })
    room.lost(code === 'no-such-user' ? 'ended' : 'lost', message)
    this.#outbox.close(room.key)
    if (retry && room.status === 'lost') this.#rejoins.later(room)
    this.#touch(room)
  }

  // One thought to be in it. What was sent there is sent again once one is.
  #expelled(room) {
    room.lost('joining')
    this.#outbox.close(room.key)
    this.#rejoins.later(room)
    this.#touch(room)
  }

  // Messages.

  #transmit(key, { text, id }) {
    return this.#sendAsking(request.sendMessage(this.room(key), text, id))
  }

  #delivered(document) {
    const room = this.rooms.find(
      ({ id, status }) => id === document.target.id && status === 'joined',
    )
    if (!room) {
      if (!this.#left.has(document.target.id) && this.#orphans.length < MAX_ORPHANS)
        this.#orphans.push(document)
      return
    }
    if (!document.sender) {
      room.notice(document.message, this.#clock.now())
      return this.#touch(room)
    }
    if (document.of !== undefined) return this.#changed(room, document)
    const settled = document.id && this.#outbox.settle(room.key, document.id, document.sender.id)
    const message = readMessage(document, this.user, settled || null)
    const isNew = room.deliver(message)
    this.#touch(room, isNew)
    if (isNew) this.#events.emit('message', { room, message })
  }

  #changed(room, document) {
    const change = readChange(document, this.user)
    const isNew = room.deliverChange(change)
    this.#touch(room, isNew)
    if (isNew) this.#events.emit('change', { room, change })
  }

  #acknowledged({ id, target, seq, ts }) {
    const room = this.rooms.find((one) => one.id === target.id)
    const settled = room && this.#outbox.settle(room.key, id, this.user.id)
    if (!settled) return
    room.mutedUntil = 0
    const { text: message, sender } = settled
    room.acknowledge(readMessage({ message, sender, seq, ts, id }, this.user, settled))
    this.#touch(room)
  }

  #historyCame(document) {
    const room = this.rooms.find(({ id }) => id === document.target.id)
    if (!room) return
    room.history(document, (one) => readEntry(one, this.user))
    this.#touch(room)
  }

  #typingHeard({ target, sender }) {
    if (sender.id === this.user?.id) return
    this.rooms
      .find(({ id, status }) => id === target.id && status === 'joined')
      ?.typing.heard(sender)
  }

  #refused(document) {
    const { refused, code, message, retry, id, target } = document
    const room = target && this.rooms.find((one) => one.id === target.id)
    if (code === 'muted' && room) room.mutedUntil = until(document.until)
    if (refused === 'send-message' && id) {
      if (code !== 'not-a-member') this.#outbox.refuse(room?.key, id, message, Boolean(retry))
      else if (room?.status === 'joined') this.#expelled(room)
      return this.#touch(room)
    }
    if (refused === 'join-room' || refused === 'join-room-private')
      return this.#joins.fail(refused === 'join-room' ? 'room' : 'private', document)
    if (refused === 'history') {
      if (String(id).startsWith('s')) return // it is read again on the next connection
      const asking = this.rooms.find((one) => one.loading && (!room || one === room))
      asking?.historyRefused(message)
      return this.#touch(asking)
    }
    // Before the welcome it is why there will be none; nobody needs to know that typing was not
    // passed on; and left twice, at worst: what the person wanted is so.
    if (this.phase !== 'connected' || refused === 'typing') return
    if (refused === 'leave-room' && code === 'not-a-member') return
    this.#events.emit('problem', { code, message })
  }

  #peerChanged(user, online) {
    if (online) this.people.set(user.id, user)
    else {
      this.people.delete(user.id)
      for (const room of this.rooms) room.typing.stopped(user.id)
    }
    this.#touch(this.room(peerKey(user.id)))
    // With oneself the list of everybody has come, and who is not in it is away.
    if (user.id === this.user?.id)
      for (const room of this.rooms) if (room.private) this.#touch(room)
  }

  // What is kept.

  #restore({ token, user }) {
    this.#token = token
    this.user = user
    for (const room of this.#store.rooms(user.id)) this.#add(room)
    this.#outbox.restore(user, this.#store)
    // What waits is shown, and sent, whether or not its room was kept.
    for (const kept of this.#store.messages(user.id))
      if (!this.room(kept.room.key)) this.#add(kept.room)
  }

  #add(description) {
    const room = new Room(description, this.#hands)
    room.order =
      description.order ?? (this.#lastOrder = Math.max(this.#lastOrder + 1, this.#clock.now()))
    this.#lastOrder = Math.max(this.#lastOrder, room.order)
    this.rooms = [...this.rooms, room]
    this.#events.emit('opened', room)
    return room
  }

  #touch(room, keep = false) {
    if (!room) return
    if (keep && this.#outbox.store) this.#unsaved.add(room)
    this.#events.emit('changed', room)
  }

  #keepRoom({ key, name, peer, id, read, since, order }) {
    if (!this.#outbox.store) return
    this.#store.keepRoom(this.user.id, { key, name, peer, id, read, last: since, order })
  }
}
