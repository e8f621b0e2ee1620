// Private chats, and what becomes of everything when the connection is lost and comes back.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ANN, BOB, joined, joinedPrivate, message, setUp, texts } from './stage.js'

const AGAIN = { id: 'u-ann-2', name: 'Ann' }
const refusal = (refused, code) => ({
  action: 'error',
  refused,
  code,
  message: 'Refused.',
  retry: true,
})

test('a private chat is opened by its button, and named after the other one', () => {
  const { chat, state, socket } = setUp()
  chat.openPrivate(BOB)
  chat.openPrivate(BOB)
  assert.deepEqual(socket().sent, [{ action: 'join-room-private', message: BOB.id }])
  socket().say(joinedPrivate(BOB))
  assert.equal(state.conversations[0].name, 'Bob')
  assert.equal(state.current, state.conversations[0].key)
})

test('an invitation is new until looked at, and takes nobody away from where they are', () => {
  const { chat, state, socket } = setUp({ room: 'lobby' })
  socket().say(joinedPrivate(BOB))
  const [lobby, invited] = state.conversations
  assert.equal(state.current, lobby.key)
  assert.equal(invited.fresh, true)
  chat.show(invited.key)
  assert.equal(invited.fresh, false)
})

test('an invitation is not taken for the answer to a join of another private room', () => {
  const { chat, state, socket } = setUp()
  const carl = { id: 'u-carl', name: 'Carl' }
  chat.openPrivate(BOB)
  socket().say(joinedPrivate(carl), refusal('join-room-private', 'no-such-user'))
  assert.equal(state.peopleError, 'Bob is no longer online.')
  assert.deepEqual(
    state.conversations.map(({ name }) => name),
    ['Carl'],
  )
})

test('a private chat ends when the other one leaves, and stays readable', () => {
  const { state, socket } = setUp()
  socket().say(joinedPrivate(BOB), { action: 'user-left', sender: BOB })
  assert.equal(state.conversations[0].status, 'ended')
  assert.match(texts(state.conversations[0]).at(-1), /no longer online/)
})

test('who is online is learnt anew with each connection', () => {
  const { roster, socket, clock, arrive } = setUp()
  assert.equal(roster.size, 2)
  socket().say({ action: 'user-left', sender: BOB })
  assert.equal(roster.size, 1)
  socket().lose()
  clock.advance(2000)
  arrive(AGAIN)
  assert.deepEqual(
    roster.matching('').map(({ id }) => id),
    [AGAIN.id, BOB.id],
  )
})

test('after a loss the rooms are joined again, the one in sight first', () => {
  const { chat, state, socket, clock, arrive } = setUp({ room: 'lobby' })
  chat.join('other')
  socket().say(joined('other'), message('other', 1, BOB, 'one'))
  socket().lose()
  assert.equal(state.phase, 'waiting')
  assert.deepEqual(
    state.conversations.map(({ status }) => status),
    ['joining', 'joining'],
  )
  clock.advance(2000)
  arrive(AGAIN)
  socket().say(joined('other', 3))
  socket().say(joined('lobby', 0))
  assert.deepEqual(
    socket().sent.map(({ message: name }) => name),
    ['other', 'lobby'],
  )
  assert.deepEqual(
    state.conversations.map(({ status }) => status),
    ['joined', 'joined'],
  )
  assert.deepEqual(texts(state.conversations[1]), [
    'one:sent',
    '2 messages were sent while you were away.',
  ])
  socket().say(message('other', 4, BOB, 'two'))
  assert.equal(texts(state.conversations[1]).at(-1), 'two:sent')
})

test('what was not confirmed can be tried again under its id; what was is sent', () => {
  const { chat, socket, clock, room, arrive } = setUp({ room: 'lobby' })
  chat.send(room().key, 'acked')
  chat.send(room().key, 'open')
  const [, acked, open] = socket().sent
  socket().say({ action: 'message-ack', id: acked.id, target: { id: 'id-lobby' }, seq: 1, ts: 1 })
  socket().lose()
  assert.deepEqual(texts(room()), ['acked:sent', 'open:failed'])
  chat.retry(room().key, open.id) // not in the room yet
  assert.deepEqual(texts(room()), ['acked:sent', 'open:failed'])
  clock.advance(2000)
  arrive(AGAIN)
  socket().say(joined('lobby', 1))
  chat.retry(room().key, open.id)
  assert.equal(socket().sent.at(-1).id, open.id)
  socket().say(message('lobby', 2, AGAIN, 'open', open.id))
  assert.equal(texts(room()).at(-1), 'open:sent')
})

test('private chats come back by the id of the other one, or end', () => {
  const { state, socket, clock, arrive } = setUp()
  const carl = { id: 'u-carl', name: 'Carl' }
  socket().say(joinedPrivate(BOB, 'p1'), joinedPrivate(carl, 'p2'))
  socket().lose()
  clock.advance(2000)
  arrive(AGAIN)
  assert.deepEqual(socket().sent, [{ action: 'join-room-private', message: BOB.id }])
  socket().say(joinedPrivate(BOB, 'p3'))
  socket().say(refusal('join-room-private', 'no-such-user'))
  const [bob, ended] = state.conversations
  assert.deepEqual([bob.status, bob.id, ended.status], ['joined', 'p3', 'ended'])
  assert.equal(state.conversations.length, 2)
})

test('a room that cannot be joined again says why, and can be joined by hand', () => {
  const { chat, socket, clock, room, arrive } = setUp({ room: 'lobby' })
  socket().lose()
  clock.advance(2000)
  arrive(AGAIN)
  socket().say(refusal('join-room', 'unavailable'))
  assert.deepEqual([room().status, room().problem], ['lost', 'Refused.'])
  chat.rejoin(room().key)
  socket().say(joined('lobby', 0))
  assert.deepEqual([room().status, room().problem], ['joined', ''])
})

test('a room left while it was joined again is left for good', () => {
  const { chat, state, socket, clock, room, arrive } = setUp({ room: 'lobby' })
  socket().lose()
  clock.advance(2000)
  arrive(AGAIN)
  chat.leave(room().key)
  socket().say(joined('lobby', 0))
  assert.deepEqual(socket().sent.at(-1), { action: 'leave-room', message: 'id-lobby' })
  assert.equal(state.conversations.length, 0)
})

test('an answer that is long overdue means that the connection is dead', () => {
  const { chat, state, socket, clock, room } = setUp({ room: 'lobby' })
  chat.send(room().key, 'hello')
  clock.advance(15000)
  chat.checkOverdue()
  assert.equal(state.phase, 'connected')
  clock.advance(6000)
  chat.checkOverdue()
  assert.equal(state.phase, 'waiting')
  assert.equal(socket().closed, true)
  assert.deepEqual(texts(room()), ['hello:failed'])
})

test('a join under way when the connection is lost is told at the form', () => {
  const { chat, state, socket, clock, arrive } = setUp()
  chat.join('lobby')
  socket().lose()
  assert.equal(state.joining, '')
  assert.match(state.joinError, /connection was lost/)
  chat.join('lobby')
  assert.match(state.joinError, /no connection/)
  clock.advance(2000)
  arrive(AGAIN)
  chat.join('lobby')
  socket().say(joined('lobby'))
  assert.deepEqual([state.conversations.length, state.joinError], [1, ''])
})

test('one of the same name is another person', () => {
  const { state, socket } = setUp()
  socket().say(joinedPrivate(BOB), { action: 'user-left', sender: BOB })
  socket().say(joinedPrivate({ id: 'u-bob-2', name: 'Bob' }))
  assert.deepEqual(
    state.conversations.map(({ status }) => status),
    ['ended', 'joined'],
  )
})
