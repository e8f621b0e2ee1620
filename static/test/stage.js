// A client that is connected as Ann, with or without the page's state on top, for tests of what it
// does with what the server says.
import { Chat } from '../src/chat/chat.js'
import { Roster } from '../src/chat/roster.js'
import { createState } from '../src/chat/state.js'
import { ChatClient } from '../src/client/index.js'
import { FakeClock, FakeSocket, FakeStorage } from './fakes.js'

export const ANN = { id: 'u-ann', name: 'Ann' }
export const AGAIN = { id: 'u-ann-2', name: 'Ann' } // by a server that knew nothing of her
export const BOB = { id: 'u-bob', name: 'Bob' }
export const PLENTY = { messageBytes: 10000, underWay: 64, resume: 500, history: 200 }

// With a token and limits as a server of today sends them; null for one that has none of it.
export const welcome = (user = ANN, limits = PLENTY) => ({
  action: 'welcome',
  user,
  ...(limits?.resume && { token: `token of ${user.id}`, tokenExpires: 9e12 }),
  limits: limits ?? { messageBytes: 10000 },
})

export const joined = (name, lastSeq = 0, since = undefined) => ({
  action: 'room-joined',
  target: { id: `id-${name}`, name, private: false },
  sender: null,
  lastSeq,
  since,
})

export const joinedPrivate = (peer, id = `p-${peer.id}`, lastSeq = 0, since = undefined) => ({
  action: 'room-joined',
  target: { id, name: `private ${id}`, private: true },
  sender: peer,
  lastSeq,
  since,
})

export const message = (room, seq, sender, text, id) => ({
  action: 'send-message',
  message: text,
  target: { id: room.startsWith('p-') ? room : `id-${room}`, name: room },
  sender,
  seq,
  ts: 1000 + seq,
  id,
})

export const messages = (room, from, to, sender = BOB) =>
  Array.from({ length: to - from + 1 }, (_, i) => message(room, from + i, sender, `${from + i}`))

export const ack = (room, { id }, seq) => ({
  action: 'message-ack',
  id,
  target: { id: `id-${room}` },
  seq,
  ts: 1000 + seq,
})

export const refusal = (refused, code, retry = true, more = {}) => ({
  action: 'error',
  refused,
  code,
  message: 'Refused.',
  retry,
  ...more,
})

// What the server answers to a request of `history`.
export const history = ({ target, id, before, after, limit }, last, sender = BOB) => {
  const from = after !== undefined ? after + 1 : Math.max(1, (before ?? last + 1) - limit)
  const to = Math.min(after !== undefined ? after + limit : (before ?? last + 1) - 1, last)
  const list = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i).map(
    (seq) => ({
      message: `${seq}`,
      sender,
      seq,
      ts: 1000 + seq,
    }),
  )
  return {
    action: 'history',
    target,
    messages: list,
    more: after !== undefined ? to < last : from > 1,
    id,
  }
}

export const texts = (items) =>
  items.map((item) => {
    if (item.kind === 'gap') return `gap ${item.after}-${item.before}`
    return item.kind === 'notice' ? item.text : `${item.text}:${item.state}`
  })

// Until everybody who waits for a promise has heard of it.
export const settled = () => new Promise((resume) => setImmediate(resume))

export function setUpClient({ storage = new FakeStorage(), limits = PLENTY, room, clock } = {}) {
  clock ??= new FakeClock()
  const sockets = []
  const told = []
  let ids = storage.entries.size * 1000
  const client = new ChatClient({
    ...clock,
    url: 'ws://here/ws',
    storage,
    createSocket: (url) => sockets[sockets.push(new FakeSocket(url)) - 1],
    random: () => 1,
    newId: () => `m${(ids += 1)}`,
  })
  client.on('message', (event) => told.push(`${event.message.seq} ${event.message.text}`))
  const socket = () => sockets[sockets.length - 1]
  const arrive = (user = ANN) => {
    socket().accept()
    const online = [user, BOB].map((sender) => ({ action: 'user-join', sender }))
    socket().say(welcome(user, limits), ...online)
  }
  const comeBack = (user = ANN) => {
    clock.advance(5000)
    arrive(user)
  }
  // What was sent on the last socket, of one kind.
  const sent = (action) => socket().sent.filter((one) => one.action === action)
  const first = () => client.rooms[0]
  const isReady = room !== undefined
  if (isReady) {
    client.connect('Ann')
    arrive()
    client.join(room)
    socket().say(joined(room))
  }
  return { client, clock, storage, sockets, socket, sent, told, arrive, comeBack, room: first }
}

export function setUp({ room, ...options } = {}) {
  const stage = setUpClient(options)
  const state = createState()
  const roster = new Roster()
  const chat = new Chat(state, roster, stage.client)
  chat.signIn('Ann')
  stage.arrive(options.user)
  const first = () => state.conversations[0]
  const enter = async (name, ...rest) => {
    chat.join(name)
    stage.socket().say(joined(name, ...rest))
    await settled()
  }
  const items = (conversation = first()) => chat.items(conversation.key)
  return { ...stage, state, roster, chat, enter, items, room: first }
}
