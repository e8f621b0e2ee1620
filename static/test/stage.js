// A chat that is signed in as Ann, for tests of what it does with what the server says.
import { Chat } from '../src/chat/chat.js'
import { Connection } from '../src/chat/connection.js'
import { Roster } from '../src/chat/roster.js'
import { createState } from '../src/chat/state.js'
import { FakeClock, FakeSocket } from './fakes.js'

export const ANN = { id: 'u-ann', name: 'Ann' }
export const BOB = { id: 'u-bob', name: 'Bob' }

export const welcome = (user = ANN) => ({
  action: 'welcome',
  user,
  limits: { messageBytes: 10000 },
})

export const joined = (name, lastSeq = 0) => ({
  action: 'room-joined',
  target: { id: `id-${name}`, name, private: false },
  sender: null,
  lastSeq,
})

export const joinedPrivate = (peer, id = `p-${peer.id}`) => ({
  action: 'room-joined',
  target: { id, name: `private ${id}`, private: true },
  sender: peer,
  lastSeq: 0,
})

export const message = (room, seq, sender, text, id) => ({
  action: 'send-message',
  message: text,
  target: { id: `id-${room}`, name: room },
  sender,
  seq,
  ts: 1000 + seq,
  id,
})

export const texts = ({ items, tail }) =>
  [...items, ...tail].map(({ kind, text, state }) =>
    kind === 'notice' ? text : `${text}:${state}`,
  )

export function setUp({ room } = {}) {
  const clock = new FakeClock()
  const sockets = []
  const createSocket = (url) => sockets[sockets.push(new FakeSocket(url)) - 1]
  const state = createState()
  const roster = new Roster()
  let ids = 0
  const chat = new Chat(
    state,
    roster,
    (handlers) => new Connection(handlers, { ...clock, createSocket, random: () => 1 }),
    {
      location: { protocol: 'http:', host: 'here' },
      now: clock.now,
      newId: () => `m${(ids += 1)}`,
    },
  )
  const socket = () => sockets[sockets.length - 1]
  const arrive = (user = ANN) => {
    socket().accept()
    socket().say(
      welcome(user),
      { action: 'user-join', sender: user },
      { action: 'user-join', sender: BOB },
    )
  }
  chat.signIn('Ann')
  arrive()
  if (room) {
    chat.join(room)
    socket().say(joined(room))
  }
  return { chat, state, roster, clock, sockets, socket, arrive, room: () => state.conversations[0] }
}
