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
import { mayEdit } from './rights.js'
import { outText } from './text.js'

const ROOMS_A_PAGE = 50

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
    client.on('connection', (change) => this.#connectionChanged(change))
    client.on('welcome', (welcome) => this.#welcomed(welcome))
    client.on('people', (changes) => this.#peopleChanged(changes))
    client.on('opened', (room) => this.#opened(room))
    client.on('changed', (room) => this.#changed(room))
    client.on('closed', (room) => this.#closed(room))
    client.on('joined', (joined) => this.#joined(joined))
    client.on('message', ({ room, message }) => this.#came(room, message))
    client.on('out', (out) => this.#wasPutOut(out))
    client.on('problem', ({ message }) => this.#tell(message))
  }

  // What a person does.

  signIn(name) {
    this.#state.signInProblem = ''
    this.#client.connect(name)
    // Somebody who was here before need not wait for the server.
    this.#state.me = this.#client.user
  }

  // With the cookie that the browser has. user: {id, name}.
  signInAccount(user) {
    Object.assign(this.#state, { signInProblem: '', isAccount: true })
    this.#client.connectAccount(user)
    this.#state.me = this.#client.user
  }

  signOut() {
    this.#client.signOut()
    this.#forget()
  }

  // The server does not let one in any more, or not under this name. forNow: one may come back as
  // who one was.
  turnedAway(why, forNow = false) {
    if (forNow) this.#client.disconnect()
    else this.#client.forgetMe()
    this.#forget()
    this.#state.signInProblem = why
  }

  reconnectNow() {
    this.#client.reconnectNow()
  }

  join(text) {
    const name = cleanText(text).trim()
    const open = byName(this.#state, name)
    this.#state.joinError = ''
    if (open && open.status !== 'ended') {
      this.show(open.key)
      if (open.status === 'lost' || open.status === 'out') this.rejoin(open.key)
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

  // A Promise; rejected with what is wrong with it.
  async createRoom(name, options) {
    const { key } = await this.#client.createRoom(name, options)
    this.#state.dialog = ''
    this.#isOpen(key)
  }

  // {rooms, more}: a page of those that one may see, after that name.
  listRooms(after) {
    return this.#client.listRooms({ after, limit: ROOMS_A_PAGE })
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

  // One changes a message of one's own. seq: the last one where none is said.
  edit(key, seq = this.#lastOwn(key)) {
    const item = this.items(key).find((one) => one.seq === seq && mayEdit(one))
    if (!item) return
    Object.assign(byKey(this.#state, key), {
      editing: { seq, text: item.text, busy: false, problem: '' },
      problemActing: '',
    })
  }

  cancelEdit(key) {
    byKey(this.#state, key).editing = null
  }

  async saveEdit(key) {
    const { editing } = byKey(this.#state, key)
    const { seq, text } = editing
    const item = this.items(key).find((one) => one.seq === seq)
    if (item?.text === text) return this.cancelEdit(key)
    Object.assign(editing, { busy: true, problem: '' })
    try {
      await this.#client.room(key).edit(seq, text)
      const conversation = byKey(this.#state, key)
      if (conversation?.editing?.seq === seq) conversation.editing = null
    } catch ({ message }) {
      Object.assign(editing, { busy: false, problem: message })
    }
  }

  remove(key, seq) {
    const conversation = byKey(this.#state, key)
    conversation.problemActing = ''
    return this.#client
      .room(key)
      .remove(seq)
      .catch(({ message }) => (conversation.problemActing = message))
  }

  dismissProblem(key) {
    byKey(this.#state, key).problemActing = ''
  }

  // What room.js can do with a room and who is in it, such as 'kick': a Promise.
  act(key, what, ...how) {
    return this.#client.room(key)[what](...how)
  }

  // Whom one has blocked; it stays unknown where the server does not say.
  async loadBlocked() {
    this.#state.blocked = await this.#client.blocks().catch(() => this.#state.blocked)
  }

  async block(user) {
    await this.#client.block(user)
    await this.loadBlocked()
  }

  async unblock(user) {
    await this.#client.unblock(user)
    await this.loadBlocked()
  }

  // The name of somebody who may be online.
  nameOf(user) {
    return user ? (user.name ?? this.#client.people.get(user.id)?.name ?? '') : ''
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

  #connectionChanged(change) {
    Object.assign(this.#state, change)
    if (change.phase === 'waiting') this.onWaiting()
    if (change.phase === 'refused' && change.code) this.turnedAway(change.why)
  }

  // What the page does when there is no connection: find out why, perhaps.
  onWaiting = () => {}

  // Whoever does not look at that room is told all the same.
  #wasPutOut({ room, ...out }) {
    const conversation = byKey(this.#state, room.key)
    conversation.editing = null
    if (isLookedAt(this.#state, conversation)) return
    this.#tell(`${room.name}: ${outText(out, this.nameOf(out.by))}`)
  }

  #welcomed({ user, isAnother }) {
    this.#roster.clear()
    this.#state.rosterVersion += 1
    const { isAccount, isAdmin } = this.#client
    Object.assign(this.#state, { me: user, isAccount, isAdmin, blocked: null })
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
  #joined({ room, from, last, missed, isAnother }) {
    const conversation = byKey(this.#state, room.key)
    if (isAnother && !room.private) {
      conversation.leftOff = null
      this.#tell(`${room.name} is another room now: the one that you knew was deleted.`)
    }
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

  #lastOwn(key) {
    return this.items(key).findLast((item) => mayEdit(item))?.seq
  }

  #forget() {
    const { visible, config } = this.#state
    this.#roster.clear()
    Object.assign(this.#state, createState(), { visible, config })
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
