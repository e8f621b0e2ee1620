// What a person does, and what of the client's rooms the page shows.
import { cleanText } from '../client/index.js'
import {
  byKey,
  byName,
  byPeer,
  createConversation,
  createState,
  isLookedAt,
  reflect,
} from './state.js'

export class Chat {
  #state
  #roster
  #client
  #statusKeys = 0

  // client: a ChatClient. What the page shows of it is in the state, which may be a reactive one.
  constructor(state, roster, client) {
    this.#state = state
    this.#roster = roster
    this.#client = client
    client.on('connection', (change) => Object.assign(this.#state, change))
    client.on('welcome', (welcome) => this.#welcomed(welcome))
    client.on('people', (changes) => this.#peopleChanged(changes))
    client.on('opened', (room) => this.#opened(room))
    client.on('changed', (room) => this.#changed(room))
    client.on('closed', (room) => this.#closed(room))
    client.on('joined', (joined) => this.#joined(joined))
    client.on('message', ({ room, message }) => this.#came(room, message))
    client.on('problem', ({ message }) => this.#tell(message))
  }

  // What a person does.

  signIn(name) {
    this.#client.connect(name)
    // Somebody who was here before need not wait for the server.
    this.#state.me = this.#client.user
  }

  signOut() {
    this.#client.signOut()
    this.#roster.clear()
    Object.assign(this.#state, createState(), { visible: this.#state.visible })
  }

  reconnectNow() {
    this.#client.reconnectNow()
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
    } else if (!this.#state.joining) {
      this.#state.joining = name
      this.#client.join(name).then(
        ({ key }) => this.#isOpen(key),
        ({ message }) => this.#state.joining && this.#joinFailed(message),
      )
    }
  }

  openPrivate(user) {
    const open = byPeer(this.#state, user.id)
    this.#state.peopleError = ''
    if (open && open.status !== 'ended') this.show(open.key)
    else if (this.#state.phase !== 'connected')
      this.#state.peopleError = 'There is no connection at the moment.'
    else
      this.#client.openPrivate(user).then(
        ({ key }) => this.#isOpen(key),
        ({ message }) => this.#state.me && (this.#state.peopleError = message),
      )
  }

  rejoin(key) {
    this.#client.room(key)?.rejoin()
  }

  leave(key) {
    this.#client.room(key)?.leave()
  }

  show(key) {
    const before = byKey(this.#state, this.#state.current)
    if (before && before.key !== key) before.leftOff = null
    this.#state.current = key
    this.#client.first = key
    this.#state.shown += 1
    this.#look()
  }

  setVisible(visible) {
    this.#state.visible = visible
    this.#look()
  }

  // Returns whether it was taken.
  send(key, text) {
    const conversation = byKey(this.#state, key)
    if (!conversation || conversation.status === 'ended') return false
    const taken = Boolean(this.#client.room(key).send(text))
    conversation.problemSending = taken ? '' : 'Too many messages wait to be sent already.'
    if (taken) conversation.leftOff = null
    return taken
  }

  // The person writes on a message.
  writing(key) {
    this.#client.room(key)?.write()
  }

  retry(key, id) {
    this.#client.room(key)?.retry(id)
  }

  discard(key, id) {
    this.#client.room(key)?.discard(id)
  }

  loadOlder(key) {
    this.#client.room(key)?.loadOlder()
  }

  fillGap(key, gap, forward) {
    this.#client.room(key)?.fillGap(gap, forward)
  }

  // The number of the message that is in sight, null for the newest.
  reading(key, seq) {
    this.#client.room(key)?.setReading(seq)
  }

  // What a conversation has to show; it is another list whenever the version is another one.
  items(key) {
    return this.#client.room(key)?.items ?? []
  }

  // How many messages would be lost by signing out.
  get waiting() {
    return this.#client.waiting
  }

  dismiss(key) {
    this.#state.statuses = this.#state.statuses.filter((status) => status.key !== key)
  }

  // What the client tells.

  #welcomed({ user, isAnother }) {
    this.#roster.clear()
    this.#state.rosterVersion += 1
    this.#state.me = user
    Object.assign(this.#state.limits, this.#client.limits)
    if (isAnother && this.#client.waiting)
      this.#tell('The server took you for somebody new. What was not confirmed was not sent again.')
  }

  #peopleChanged(changes) {
    this.#roster.apply(changes)
    this.#state.rosterVersion += 1
  }

  #opened(room) {
    this.#state.conversations.push(createConversation(room))
  }

  #changed(room) {
    const conversation = byKey(this.#state, room.key)
    if (!conversation) return
    Object.assign(conversation, reflect(room, this.#isOnline(room.peer)))
    conversation.version += 1
  }

  #closed({ key }) {
    const at = this.#state.conversations.findIndex((one) => one.key === key)
    if (at < 0) return
    this.#state.conversations.splice(at, 1)
    if (this.#state.current !== key) return
    const next = this.#state.conversations[at] ?? this.#state.conversations[at - 1]
    this.show(next?.key ?? null)
  }

  // What was said while one was away begins with the next one of another person, or with a gap.
  #joined({ room, from, last, missed }) {
    const conversation = byKey(this.#state, room.key)
    conversation.returned = from === null ? null : { from, last }
    if (from !== null && missed > 0) conversation.leftOff = from
    if (isLookedAt(this.#state, conversation)) room.markRead()
  }

  #came(room, { own, seq }) {
    const conversation = byKey(this.#state, room.key)
    const isSeen = isLookedAt(this.#state, conversation)
    const { returned, leftOff } = conversation
    const from = isSeen ? returned?.from : (room.read ?? 0)
    const isMissed = !isSeen || (returned && seq > returned.from && seq <= returned.last)
    if (!own && isMissed && (leftOff === null || leftOff < from)) conversation.leftOff = seq - 1
    if (isSeen) room.markRead()
  }

  // Without everybody's names yet, the other one is not said to be away.
  #isOnline(peer) {
    const { people, user } = this.#client
    return !peer || !people.has(user?.id) || people.has(peer.id)
  }

  #isOpen(key) {
    if (!key.startsWith('private ')) this.#state.joining = ''
    this.show(key)
  }

  #joinFailed(message) {
    Object.assign(this.#state, { joinError: message, joining: '' })
  }

  #tell(text) {
    this.#state.statuses.push({ key: (this.#statusKeys += 1), text })
  }

  #look() {
    const conversation = byKey(this.#state, this.#state.current)
    if (!conversation || !isLookedAt(this.#state, conversation)) return
    conversation.fresh = false
    this.#client.room(conversation.key)?.markRead()
  }
}
