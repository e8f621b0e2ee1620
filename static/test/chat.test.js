// What the page's state makes of what a person does and of what the client tells.
import assert from 'node:assert/strict'
import test from 'node:test'
import { KEPT } from '../src/client/index.js'
import {
  ANN,
  BOB,
  ack,
  history,
  joined,
  joinedPrivate,
  message,
  messages,
  refusal,
  setUp,
  settled,
  texts,
} from './stage.js'

async function inLobby(options) {
  const stage = setUp(options)
  await stage.enter('lobby')
  return stage
}

test('joins a room, shows it, and only once', async () => {
  const { chat, state, socket } = setUp()
  chat.join(' lobby ')
  assert.deepEqual(socket().sent, [{ action: 'join-room', message: 'lobby' }])
  assert.equal(state.joining, 'lobby')
  chat.join('lobby')
  socket().say(joined('lobby'))
  await settled()
  assert.equal(state.joining, '')
  assert.equal(state.conversations.length, 1)
  assert.equal(state.current, state.conversations[0].key)
  chat.join('lobby')
  socket().say(joined('lobby'))
  assert.equal(socket().sent.length, 1)
  assert.equal(state.conversations.length, 1)
})

test('a refused join is told at the form', async () => {
  const { chat, state, socket, enter } = setUp()
  chat.join('a')
  socket().say(refusal('join-room', 'bad-name', false))
  await settled()
  assert.deepEqual([state.joinError, state.joining], ['Refused.', ''])
  await enter('b')
  assert.deepEqual([state.joinError, state.conversations[0].name], ['', 'b'])
})

test('without a connection a join says so; one under way goes on with the next one', async () => {
  const { chat, state, socket, comeBack } = setUp()
  chat.join('lobby')
  socket().lose()
  assert.equal(state.joining, 'lobby')
  comeBack()
  socket().say(joined('lobby'))
  await settled()
  assert.deepEqual([state.conversations.length, state.joining], [1, ''])
  socket().lose()
  chat.join('other')
  assert.match(state.joinError, /no connection/)
})

test('own messages are shown once, whichever of ack and message comes first', async () => {
  for (const ackFirst of [true, false]) {
    const { chat, state, socket, sent, room, items } = await inLobby()
    chat.send(room().key, 'hello')
    const [{ id }] = sent('send-message')
    assert.deepEqual(texts(items()), ['hello:sending'])
    const answers = [ack('lobby', { id }, 1), message('lobby', 1, ANN, 'hello', id)]
    const { key } = items()[0]
    socket().say(answers[ackFirst ? 0 : 1])
    assert.deepEqual(texts(items()), ['hello:sent'])
    socket().say(answers[ackFirst ? 1 : 0])
    assert.deepEqual(texts(items()), ['hello:sent'])
    assert.equal(items()[0].key, key)
    assert.equal(state.conversations[0].unread, 0)
  }
})

test('messages stand in the order of the server, what is on its way below', async () => {
  const { chat, socket, sent, room, items } = await inLobby()
  chat.send(room().key, 'mine')
  const [mine] = sent('send-message')
  socket().say(ack('lobby', mine, 2), message('lobby', 1, BOB, 'theirs'))
  assert.deepEqual(texts(items()), ['theirs:sent', 'mine:sent'])
  socket().say(message('lobby', 2, ANN, 'mine', mine.id), message('lobby', 2, ANN, 'mine', mine.id))
  assert.deepEqual(texts(items()), ['theirs:sent', 'mine:sent'])
})

test('an id that another person used is not taken for one of mine', async () => {
  const { chat, socket, sent, room, items } = await inLobby()
  chat.send(room().key, 'mine')
  socket().say(message('lobby', 1, BOB, 'theirs', sent('send-message')[0].id))
  assert.deepEqual(texts(items()), ['theirs:sent', 'mine:sending'])
})

test('what will never work says why, and is sent again as another one, or removed', async () => {
  const { chat, socket, sent, room, items } = await inLobby()
  chat.send(room().key, 'hello')
  const [{ id }] = sent('send-message')
  socket().say(refusal('send-message', 'too-long', false, { id, target: { id: 'id-lobby' } }))
  assert.deepEqual([texts(items()), items()[0].error], [['hello:failed'], 'Refused.'])
  chat.retry(room().key, id)
  const [, again] = sent('send-message')
  assert.notEqual(again.id, id)
  socket().say(refusal('send-message', 'too-long', false, { id: again.id }))
  chat.discard(room().key, again.id)
  assert.deepEqual(texts(items()), [])
})

test('unread messages are counted where nobody looks', async () => {
  const { chat, state, socket, enter } = await inLobby()
  const [lobby] = state.conversations
  socket().say(message('lobby', 1, BOB, 'seen'))
  await enter('other')
  socket().say(message('lobby', 2, BOB, 'a'), message('lobby', 3, BOB, 'b'))
  socket().say({ action: 'send-message', message: 'Bob left the room', target: { id: 'id-lobby' } })
  assert.equal(lobby.unread, 2)
  chat.setVisible(false)
  chat.show(lobby.key)
  assert.equal(lobby.unread, 2)
  chat.setVisible(true)
  assert.equal(lobby.unread, 0)
})

test('a line stands where one had left off, until one writes or goes elsewhere', async () => {
  const { chat, state, socket, enter } = await inLobby()
  const [lobby] = state.conversations
  socket().say(message('lobby', 1, BOB, 'seen'))
  assert.equal(lobby.leftOff, null)
  await enter('other')
  socket().say(message('lobby', 2, ANN, 'mine, from elsewhere'), ...messages('lobby', 3, 4))
  assert.equal(lobby.leftOff, 2)
  chat.show(lobby.key)
  socket().say(message('lobby', 5, BOB, 'seen'))
  assert.equal(lobby.leftOff, 2)
  chat.setVisible(false)
  socket().say(message('lobby', 6, BOB, 'not seen'))
  assert.equal(lobby.leftOff, 5)
  chat.setVisible(true)
  assert.equal(lobby.leftOff, 5)
  chat.send(lobby.key, 'answer')
  assert.equal(lobby.leftOff, null)
  chat.setVisible(false)
  socket().say(message('lobby', 7, BOB, 'not seen'))
  chat.show(state.conversations[1].key)
  assert.equal(lobby.leftOff, null)
})

test('leaving shows the next room, and what still comes from the old one is dropped', async () => {
  const { chat, state, socket, enter } = await inLobby()
  await enter('other')
  chat.leave(state.conversations[1].key)
  assert.deepEqual(socket().sent.at(-1), { action: 'leave-room', message: 'id-other' })
  assert.equal(state.current, state.conversations[0].key)
  socket().say(message('other', 1, BOB, 'late'), refusal('leave-room', 'not-a-member', false))
  assert.equal(state.conversations.length, 1)
  assert.equal(state.statuses.length, 0)
})

test('what comes before room-joined is kept for it', async () => {
  const { chat, socket, items } = setUp()
  chat.join('lobby')
  socket().say(message('lobby', 3, BOB, 'early'), joined('lobby', 2))
  await settled()
  assert.deepEqual(texts(items()), ['early:sent'])
})

test('other errors become a status that can be dismissed', () => {
  const { chat, state, socket } = setUp()
  socket().say({ action: 'error', code: 'bad-json', message: 'What?', retry: false })
  assert.equal(state.statuses[0].text, 'What?')
  chat.dismiss(state.statuses[0].key)
  assert.equal(state.statuses.length, 0)
})

test('a busy room keeps a bounded number of messages, and older ones can be loaded', async () => {
  const { chat, socket, sent, room, items } = await inLobby()
  socket().say(...messages('lobby', 1, 3 * KEPT))
  assert.ok(items().length <= KEPT + 50)
  assert.equal(items().at(-1).text, `${3 * KEPT}`)
  assert.deepEqual([room().trimmed, room().canLoadOlder], [true, true])
  // For who reads older ones they stay, although new ones come.
  const first = items()[0].seq
  chat.reading(room().key, first)
  chat.loadOlder(room().key)
  socket().say(
    history(sent('history')[0], 3 * KEPT),
    ...messages('lobby', 3 * KEPT + 1, 3 * KEPT + 99),
  )
  assert.equal(items()[0].seq, first - 50)
  const { version } = room()
  chat.reading(room().key, null)
  assert.ok(items().length <= KEPT + 50)
  assert.ok(room().version > version)
})

test('too much that waits is not taken, and says so', async () => {
  const { chat, socket, room } = await inLobby()
  socket().lose()
  for (let i = 0; i < 200; i += 1) assert.equal(chat.send(room().key, `${i}`), true)
  assert.equal(chat.send(room().key, 'one more'), false)
  assert.match(room().problemSending, /Too many/)
  assert.equal(chat.waiting, 200)
})

test('who writes is shown', async () => {
  const { chat, socket, sent, clock, room } = await inLobby()
  chat.writing(room().key)
  assert.equal(sent('typing').length, 1)
  socket().say({ action: 'typing', target: { id: 'id-lobby' }, sender: BOB })
  assert.deepEqual(room().typing, ['Bob'])
  clock.advance(10000)
  assert.deepEqual(room().typing, [])
})

test('signing out leaves nothing behind', async () => {
  const { chat, state, storage, socket } = await inLobby()
  socket().say(joinedPrivate(BOB))
  chat.join('under way')
  const before = socket()
  chat.signOut()
  await settled()
  assert.equal(before.closed, true)
  assert.deepEqual([state.conversations.length, state.me, state.phase], [0, null, 'closed'])
  assert.deepEqual([state.joinError, storage.length], ['', 0])
})
