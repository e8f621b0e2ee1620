// Everything that changes the state: what a person does, and what the server says.
import * as conversations from './conversation.js'
import { Joins } from './joins.js'
import { request, socketUrl } from './protocol.js'
import { byKey, byName, byPeer, byRoom, createState, isLookedAt } from './state.js'
import { cleanText, count } from './text.js'

const OVERDUE_MS = 20000
const MAX_ORPHANS = 200

export class Chat {
  #state
  #roster
  #connection
  #environment
  #joins
  #orphans = [] // what came for a room before its room-joined
  #left = new Set() // ids of rooms that were left: what is still on its way from there is dropped
  #statusKeys = 0

  // environment: location, now(), newId()
  constructor(state, roster, createConnection, environment) {
    this.#state = state
    this.#roster = roster
    this.#environment = environment
    this.#connection = createConnection({
      documents: (documents) => this.#receive(documents),
      change: (change) => this.#connectionChanged(change),
    })
    this.#joins = new Joins(({ kind, what }) =>
      this.#connection.send(kind === 'room' ? request.joinRoom(what) : request.joinPrivate(what)),
    )
  }

  // What a person does.

  signIn(name) {
    this.#connection.open(socketUrl(this.#environment.location, cleanText(name).trim()))
  }

  signOut() {
    this.#connection.close()
    this.#roster.clear()
    this.#joins.clear()
    this.#left.clear()
    this.#orphans = []
    Object.assign(this.#state, createState(), { visible: this.#state.visible })
  }

  reconnectNow() {
    this.#connection.reconnectNow()
  }

  // A connection can be dead without a word; an answer that is long overdue tells.
  checkOverdue() {
    const oldest = Math.min(...this.#state.conversations.map(conversations.oldestSending))
    if (this.#state.phase === 'connected' && this.#environment.now() - oldest > OVERDUE_MS)
      this.#connection.giveUp('The server does not answer.')
  }

  join(text) {
    const name = cleanText(text).trim()
    const open = byName(this.#state, name)
    this.#state.joinError = ''
    if (open) {
      this.show(open.key)
      if (open.status === 'lost') this.rejoin(open.key)
    } else if (this.#state.phase !== 'connected') {
      this.#state.joinError = 'There is no connection at the moment.'
    } else if (!this.#joins.find('room', name)) {
      this.#state.joining = name
      this.#joins.add({ kind: 'room', what: name, origin: 'person' })
    }
  }

  openPrivate(user) {
    const open = byPeer(this.#state, user.id)
    this.#state.peopleError = ''
    if (open) this.show(open.key)
    else if (this.#state.phase !== 'connected')
      this.#state.peopleError = 'There is no connection at the moment.'
    else if (!this.#joins.find('private', user.id))
      this.#joins.add({ kind: 'private', what: user.id, origin: 'person', name: user.name })
  }

  rejoin(key) {
    const conversation = byKey(this.#state, key)
    if (!conversation || this.#state.phase !== 'connected') return
    const { private: isPrivate, peer, name } = conversation
    Object.assign(conversation, { status: 'joining', problem: '' })
    const what = isPrivate ? peer.id : name
    this.#joins.add({ kind: isPrivate ? 'private' : 'room', what, origin: 'return', key })
  }

  leave(key) {
    const at = this.#state.conversations.findIndex((one) => one.key === key)
    if (at < 0) return
    const [{ id, status, private: isPrivate, name, peer }] = this.#state.conversations.splice(at, 1)
    if (status === 'joined' || status === 'ended') this.#leaveRoom(id)
    const entry = this.#joins.find(isPrivate ? 'private' : 'room', isPrivate ? peer.id : name)
    if (entry) entry.cancelled = true
    if (this.#state.current !== key) return
    const next = this.#state.conversations[at] ?? this.#state.conversations[at - 1]
    this.show(next?.key ?? null)
  }

  show(key) {
    this.#state.current = key
    this.#state.shown += 1
    this.#look()
  }

  setVisible(visible) {
    this.#state.visible = visible
    this.#look()
  }

  send(key, text) {
    const conversation = byKey(this.#state, key)
    if (conversation?.status !== 'joined') return
    const id = this.#environment.newId()
    const message = {
      id,
      text: cleanText(text),
      sender: this.#state.me,
      ts: this.#environment.now(),
    }
    conversations.addSending(conversation, message)
    this.#post(conversation, id, message.text)
  }

  retry(key, id) {
    const conversation = byKey(this.#state, key)
    if (conversation?.status !== 'joined') return
    const item = conversations.markSending(conversation, id, this.#environment.now())
    if (item) this.#post(conversation, id, item.text)
  }

  discard(key, id) {
    const conversation = byKey(this.#state, key)
    if (conversation) conversations.discard(conversation, id)
  }

  dismiss(key) {
    this.#state.statuses = this.#state.statuses.filter((status) => status.key !== key)
  }

  // What the server says.

  #connectionChanged(change) {
    const lost = this.#state.phase === 'connected' && change.phase !== 'connected'
    Object.assign(this.#state, change)
    if (!lost) return
    if (this.#state.joining) this.#state.joinError = 'The connection was lost; please try again.'
    this.#state.joining = ''
    this.#joins.clear()
    for (const conversation of this.#state.conversations) {
      conversations.settleTail(conversation)
      if (conversation.status !== 'ended') conversation.status = 'joining'
    }
  }

  #receive(documents) {
    const changes = []
    for (const document of documents) {
      if (document.action === 'user-join' || document.action === 'user-left') {
        const online = document.action === 'user-join'
        changes.push({ user: document.sender, online })
        if (!online) this.#peerLeft(document.sender)
      } else if (document.action === 'welcome') {
        changes.length = 0
        this.#welcomed(document)
      } else {
        this.#handle(document)
      }
    }
    if (!changes.length) return
    this.#roster.apply(changes)
    this.#state.rosterVersion += 1
  }

  #handle(document) {
    if (document.action === 'send-message') this.#delivered(document)
    else if (document.action === 'room-joined') this.#roomJoined(document)
    else if (document.action === 'error') this.#refused(document)
    else if (document.action === 'message-ack') {
      const conversation = byRoom(this.#state, document.target.id)
      if (conversation) conversations.markSent(conversation, document)
    }
  }

  #welcomed({ user, limits }) {
    this.#roster.clear()
    this.#left.clear()
    this.#orphans = []
    this.#state.rosterVersion += 1
    this.#state.me = user
    this.#state.welcomed = true
    Object.assign(this.#state.limits, limits)
    // The room that the person looks at comes first.
    const first = (one) => (one.key === this.#state.current ? 0 : 1)
    const back = this.#state.conversations.filter(({ status }) => status !== 'ended')
    for (const { key } of back.sort((a, b) => first(a) - first(b))) this.rejoin(key)
  }

  #roomJoined({ target, sender, lastSeq = 0 }) {
    const entry = this.#joins.settle(target.private ? 'private' : 'room', sender?.id)
    const asked = entry?.origin === 'person'
    if (asked && !target.private) this.#state.joining = ''
    if (entry?.cancelled) return this.#leaveRoom(target.id)
    this.#left.delete(target.id)
    const find = () =>
      target.private ? byPeer(this.#state, sender.id) : byName(this.#state, target.name)
    if (!find()) {
      const made = target.private ? { name: sender.name, peer: sender } : { name: target.name }
      this.#state.conversations.push(conversations.createConversation(made, !asked))
    }
    const conversation = find() // not the one made: the state may hand out another object for it
    this.#enter(conversation, target.id, lastSeq)
    if (asked) this.show(conversation.key)
  }

  #enter(conversation, id, lastSeq) {
    if (conversation.status === 'joined' && conversation.id === id) return
    const missed = conversation.id === id ? lastSeq - conversation.lastSeq : 0
    if (missed > 0)
      this.#notice(
        conversation,
        `${count(missed, 'message was', 'messages were')} sent while you were away.`,
      )
    Object.assign(conversation, { id, lastSeq, status: 'joined', problem: '' })
    const early = this.#orphans.filter(({ target }) => target.id === id)
    this.#orphans = this.#orphans.filter(({ target }) => target.id !== id)
    for (const document of early) this.#delivered(document)
  }

  #delivered(document) {
    const conversation = byRoom(this.#state, document.target.id)
    if (!conversation) {
      if (!this.#left.has(document.target.id) && this.#orphans.length < MAX_ORPHANS)
        this.#orphans.push(document)
      return
    }
    if (!document.sender) return this.#notice(conversation, document.message)
    const own = document.sender.id === this.#state.me?.id
    const isNew = conversations.addDelivered(conversation, document, own)
    if (isNew && !own && !isLookedAt(this.#state, conversation)) conversation.unread += 1
  }

  #peerLeft(user) {
    const conversation = byPeer(this.#state, user.id)
    if (conversation) this.#end(conversation)
  }

  #end(conversation) {
    if (conversation.status === 'ended') return
    conversation.status = 'ended'
    this.#notice(
      conversation,
      `${conversation.name} is no longer online. This private chat has ended.`,
    )
  }

  #refused({ refused, code, message, retry, id, target }) {
    if (refused === 'send-message' && id) {
      const room = target && byRoom(this.#state, target.id)
      const tried = room ? [room] : this.#state.conversations
      if (tried.some((one) => conversations.markFailed(one, id, message, Boolean(retry)))) return
    }
    if (refused === 'join-room' || refused === 'join-room-private') {
      const entry = this.#joins.settle(refused === 'join-room' ? 'room' : 'private')
      if (entry) return this.#joinRefused(entry, code, message)
    }
    // Left twice, at worst: what the person wanted is so.
    if (refused === 'leave-room' && code === 'not-a-member') return
    this.#state.statuses.push({ key: (this.#statusKeys += 1), text: message })
  }

  #joinRefused({ kind, origin, key, name, cancelled }, code, message) {
    const conversation = byKey(this.#state, key)
    if (origin === 'person' && kind === 'room')
      Object.assign(this.#state, { joinError: message, joining: '' })
    else if (origin === 'person')
      this.#state.peopleError = code === 'no-such-user' ? `${name} is no longer online.` : message
    else if (cancelled || !conversation) return
    else if (code === 'no-such-user') this.#end(conversation)
    else Object.assign(conversation, { status: 'lost', problem: message })
  }

  // What both need.

  #notice(conversation, text) {
    conversations.addNotice(conversation, text, this.#environment.now())
  }

  #leaveRoom(id) {
    this.#left.add(id)
    this.#connection.send(request.leaveRoom(id))
  }

  #post(conversation, id, text) {
    if (!this.#connection.send(request.sendMessage(conversation, text, id)))
      conversations.markFailed(conversation, id, 'There is no connection at the moment.', true)
  }

  #look() {
    const conversation = byKey(this.#state, this.#state.current)
    if (conversation && isLookedAt(this.#state, conversation))
      Object.assign(conversation, { unread: 0, fresh: false })
  }
}
