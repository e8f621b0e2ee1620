import assert from 'node:assert/strict'
import test from 'node:test'
import { KEPT } from '../src/chat/conversation.js'
import { ANN, BOB, joined, message, setUp, texts } from './stage.js'

test('joins a room, shows it, and only once', () => {
  const { chat, state, socket } = setUp()
  chat.join(' lobby ')
  assert.deepEqual(socket().sent, [{ action: 'join-room', message: 'lobby' }])
  assert.equal(state.joining, 'lobby')
  chat.join('lobby')
  socket().say(joined('lobby'))
  assert.equal(state.joining, '')
  assert.equal(state.conversations.length, 1)
  assert.equal(state.current, state.conversations[0].key)
  chat.join('lobby')
  socket().say(joined('lobby'))
  assert.equal(socket().sent.length, 1)
  assert.equal(state.conversations.length, 1)
})

test('a refused join is told at the form, and it is the one that was asked for', () => {
  const { chat, state, socket } = setUp()
  chat.join('a')
  chat.join('b') // waits for the answer about a
  socket().say({
    action: 'error',
    refused: 'join-room',
    code: 'bad-name',
    message: 'No.',
    retry: false,
  })
  assert.equal(state.joinError, 'No.')
  assert.deepEqual(
    socket().sent.map(({ message: name }) => name),
    ['a', 'b'],
  )
  socket().say(joined('b'))
  assert.equal(state.conversations[0].name, 'b')
})

test('own messages are shown once, whichever of ack and message comes first', () => {
  for (const ackFirst of [true, false]) {
    const { chat, state, socket, room } = setUp({ room: 'lobby' })
    chat.send(room().key, 'hello')
    const { id } = socket().sent[1]
    assert.deepEqual(texts(room()), ['hello:sending'])
    const ack = { action: 'message-ack', id, target: { id: 'id-lobby' }, seq: 1, ts: 5 }
    const own = message('lobby', 1, ANN, 'hello', id)
    const key = room().tail[0].key
    socket().say(ackFirst ? ack : own)
    assert.deepEqual(texts(room()), ['hello:sent'])
    socket().say(ackFirst ? own : ack)
    assert.deepEqual(texts(room()), ['hello:sent'])
    assert.equal(room().items.at(-1).key, key)
    assert.equal(room().tail.length, 0)
    assert.equal(state.conversations[0].unread, 0)
  }
})

test('messages stand in the order of the server, what is on its way below', () => {
  const { chat, socket, room } = setUp({ room: 'lobby' })
  chat.send(room().key, 'mine')
  const { id } = socket().sent[1]
  socket().say({ action: 'message-ack', id, target: { id: 'id-lobby' }, seq: 2, ts: 5 })
  socket().say(message('lobby', 1, BOB, 'theirs'))
  assert.deepEqual(texts(room()), ['theirs:sent', 'mine:sent'])
  socket().say(message('lobby', 2, ANN, 'mine', id), message('lobby', 2, ANN, 'mine', id))
  assert.deepEqual(texts(room()), ['theirs:sent', 'mine:sent'])
})

test('an id that another person used is not taken for one of mine', () => {
  const { chat, socket, room } = setUp({ room: 'lobby' })
  chat.send(room().key, 'mine')
  socket().say(message('lobby', 1, BOB, 'theirs', socket().sent[1].id))
  assert.deepEqual(texts(room()), ['theirs:sent', 'mine:sending'])
})

test('a refused message says so and is sent again under the same id', () => {
  const { chat, socket, room } = setUp({ room: 'lobby' })
  chat.send(room().key, 'hello')
  const { id } = socket().sent[1]
  const target = { id: 'id-lobby' }
  socket().say({
    action: 'error',
    refused: 'send-message',
    code: 'unavailable',
    message: 'Busy.',
    retry: true,
    id,
    target,
  })
  assert.deepEqual(texts(room()), ['hello:failed'])
  assert.equal(room().tail[0].error, 'Busy.')
  chat.retry(room().key, id)
  assert.deepEqual(texts(room()), ['hello:sending'])
  assert.deepEqual(socket().sent[2], socket().sent[1])
  socket().say(message('lobby', 1, ANN, 'hello', id))
  assert.deepEqual(texts(room()), ['hello:sent'])
})

test('what will never work is not offered again, and can be removed', () => {
  const { chat, socket, room } = setUp({ room: 'lobby' })
  chat.send(room().key, 'hello')
  const { id } = socket().sent[1]
  socket().say({
    action: 'error',
    refused: 'send-message',
    code: 'too-long',
    message: 'Too long.',
    retry: false,
    id,
  })
  assert.equal(room().tail[0].retry, false)
  chat.discard(room().key, id)
  assert.deepEqual(texts(room()), [])
})

test('unread messages are counted where nobody looks', () => {
  const { chat, state, socket } = setUp({ room: 'lobby' })
  const [lobby] = state.conversations
  socket().say(message('lobby', 1, BOB, 'seen'))
  chat.join('other')
  socket().say(joined('other'), message('lobby', 2, BOB, 'a'), message('lobby', 3, BOB, 'b'))
  socket().say({ action: 'send-message', message: 'Bob left the room', target: { id: 'id-lobby' } })
  assert.equal(lobby.unread, 2)
  chat.setVisible(false)
  chat.show(lobby.key)
  assert.equal(lobby.unread, 2)
  chat.setVisible(true)
  assert.equal(lobby.unread, 0)
})

test('leaving shows the next room, and what still comes from the old one is dropped', () => {
  const { chat, state, socket } = setUp({ room: 'lobby' })
  chat.join('other')
  socket().say(joined('other'))
  chat.leave(state.conversations[1].key)
  assert.deepEqual(socket().sent.at(-1), { action: 'leave-room', message: 'id-other' })
  assert.equal(state.current, state.conversations[0].key)
  socket().say(message('other', 1, BOB, 'late'))
  socket().say({
    action: 'error',
    refused: 'leave-room',
    code: 'not-a-member',
    message: 'x',
    retry: false,
  })
  assert.equal(state.conversations.length, 1)
  assert.equal(state.statuses.length, 0)
})

test('what comes before room-joined is kept for it', () => {
  const { chat, socket, room } = setUp()
  chat.join('lobby')
  socket().say(message('lobby', 3, BOB, 'early'), joined('lobby', 2))
  assert.deepEqual(texts(room()), ['early:sent'])
})

test('other errors become a status that can be dismissed', () => {
  const { chat, state, socket } = setUp()
  socket().say({ action: 'error', code: 'bad-json', message: 'What?', retry: false })
  assert.equal(state.statuses[0].text, 'What?')
  chat.dismiss(state.statuses[0].key)
  assert.equal(state.statuses.length, 0)
})

test('a busy room keeps a bounded number of messages', () => {
  const { socket, room } = setUp({ room: 'lobby' })
  for (let seq = 1; seq <= 3 * KEPT; seq += 1) socket().say(message('lobby', seq, BOB, `${seq}`))
  assert.ok(room().items.length <= KEPT + 50)
  assert.equal(room().items.at(-1).text, `${3 * KEPT}`)
  assert.equal(room().trimmed, true)
})

test('signing out leaves nothing behind', () => {
  const { chat, state, socket } = setUp({ room: 'lobby' })
  const before = socket()
  chat.signOut()
  assert.equal(before.closed, true)
  assert.deepEqual([state.conversations.length, state.me, state.phase], [0, null, 'closed'])
})
