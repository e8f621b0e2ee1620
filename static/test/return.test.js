// Private chats, and what becomes of everything on the page when the connection is lost and comes
// back.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  ANN,
  BOB,
  joined,
  joinedPrivate,
  message,
  messages,
  refusal,
  setUp,
  settled,
  texts,
} from './stage.js'

const AGAIN = { id: 'u-ann-2', name: 'Ann' }

async function inLobby(options) {
  const stage = setUp(options)
  await stage.enter('lobby')
  return stage
}

test('a private chat is opened by its button, and named after the other one', async () => {
  const { chat, state, socket } = setUp()
  chat.openPrivate(BOB)
  chat.openPrivate(BOB)
  assert.deepEqual(socket().sent, [{ action: 'join-room-private', message: BOB.id }])
  socket().say(joinedPrivate(BOB))
  await settled()
  assert.equal(state.conversations[0].name, 'Bob')
  assert.equal(state.current, state.conversations[0].key)
})

test('an invitation is new until looked at, and takes nobody away from where they are', async () => {
  const { chat, state, socket } = await inLobby()
  socket().say(joinedPrivate(BOB))
  const [lobby, invited] = state.conversations
  assert.equal(state.current, lobby.key)
  assert.equal(invited.fresh, true)
  chat.show(invited.key)
  assert.equal(invited.fresh, false)
})

test('an invitation is not taken for the answer to a join of another private room', async () => {
  const { chat, state, socket } = setUp()
  const carl = { id: 'u-carl', name: 'Carl' }
  chat.openPrivate(BOB)
  socket().say(joinedPrivate(carl), refusal('join-room-private', 'no-such-user', false))
  await settled()
  assert.equal(state.peopleError, 'The server does not know Bob any more.')
  assert.deepEqual(
    state.conversations.map(({ name }) => name),
    ['Carl'],
  )
})

test('a private chat goes on while the other one is away', async () => {
  const { chat, state, socket, sent } = setUp()
  chat.openPrivate(BOB)
  socket().say(joinedPrivate(BOB))
  await settled()
  const [bob] = state.conversations
  assert.equal(bob.peerOnline, true)
  socket().say({ action: 'user-left', sender: BOB })
  assert.deepEqual([bob.peerOnline, bob.status], [false, 'joined'])
  chat.send(bob.key, 'see you')
  assert.equal(sent('send-message').length, 1)
  socket().say({ action: 'user-join', sender: BOB })
  assert.equal(bob.peerOnline, true)
})

test('before the list of people has come nobody is said to be away', () => {
  const { state, socket, clock } = setUp()
  socket().say(joinedPrivate(BOB))
  socket().lose()
  clock.advance(2000)
  socket().accept()
  socket().say({ action: 'welcome', user: ANN, token: 't', tokenExpires: 9e12, limits: {} })
  assert.equal(state.conversations[0].peerOnline, true)
  socket().say({ action: 'user-join', sender: ANN })
  assert.equal(state.conversations[0].peerOnline, false)
})

test('who is online is learnt anew with each connection', () => {
  const { roster, socket, comeBack } = setUp()
  assert.equal(roster.size, 2)
  socket().say({ action: 'user-left', sender: BOB })
  assert.equal(roster.size, 1)
  socket().lose()
  comeBack(AGAIN)
  assert.deepEqual(
    roster.matching('').map(({ id }) => id),
    [AGAIN.id, BOB.id],
  )
})

test('after a loss the rooms are joined again, the one in sight first', async () => {
  const { state, socket, sent, enter, comeBack, items } = await inLobby()
  await enter('other')
  socket().say(message('other', 1, BOB, 'one'))
  socket().lose()
  assert.equal(state.phase, 'waiting')
  assert.deepEqual(
    state.conversations.map(({ status }) => status),
    ['joining', 'joining'],
  )
  comeBack()
  socket().say(joined('other', 3, 1), ...messages('other', 2, 3))
  socket().say(joined('lobby', 0, 0))
  assert.deepEqual(
    sent('join-room').map(({ message: name, since }) => `${name} ${since}`),
    ['other 1', 'lobby 0'],
  )
  const [lobby, other] = state.conversations
  assert.deepEqual([lobby.status, other.status], ['joined', 'joined'])
  assert.deepEqual(texts(items(other)), ['one:sent', '2:sent', '3:sent'])
  // Looked at all the time, and yet news: the line says where it begins, and stays there.
  assert.deepEqual([other.leftOff, other.unread], [1, 0])
  socket().say(message('other', 4, BOB, 'live'))
  assert.equal(other.leftOff, 1)
})

test('one of mine that was missed is no news; a gap is', async () => {
  const { state, chat, socket, sent, comeBack, room } = await inLobby()
  chat.send(room().key, 'mine')
  const [{ id }] = sent('send-message')
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 1, 0), message('lobby', 1, ANN, 'mine', id))
  assert.equal(room().leftOff, null)
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 900, 400), ...messages('lobby', 401, 402))
  assert.deepEqual([room().leftOff, state.conversations[0].unread], [1, 0])
})

test('private chats come back by the id of the other one, or end where that is unknown', () => {
  const { state, socket, sent, comeBack } = setUp()
  const carl = { id: 'u-carl', name: 'Carl' }
  socket().say(joinedPrivate(BOB, 'p-1'), joinedPrivate(carl, 'p-2'), message('p-1', 1, BOB, 'hi'))
  socket().lose()
  comeBack()
  assert.deepEqual(sent('join-room-private'), [
    { action: 'join-room-private', message: BOB.id, since: 1 },
    { action: 'join-room-private', message: carl.id, since: 0 },
  ])
  socket().say(joinedPrivate(BOB, 'p-1', 1, 1), refusal('join-room-private', 'no-such-user', false))
  const [bob, ended] = state.conversations
  assert.deepEqual([bob.status, ended.status], ['joined', 'ended'])
  assert.equal(state.conversations.length, 2)
})

test('a private chat with somebody who was deleted meanwhile says so', () => {
  const { state, socket, comeBack } = setUp()
  socket().say(joinedPrivate(BOB, 'p-1'))
  socket().lose()
  comeBack()
  socket().say(joinedPrivate({ id: BOB.id, name: 'deleted user' }, 'p-1'))
  assert.deepEqual(state.conversations.map(({ name, status }) => [name, status]), [
    ['deleted user', 'joined'],
  ])
})

test('a room that cannot be joined again says why, and can be joined by hand', async () => {
  const { chat, socket, comeBack, room } = await inLobby()
  socket().lose()
  comeBack()
  socket().say(refusal('join-room', 'bad-name', false))
  assert.deepEqual([room().status, room().problem], ['lost', 'Refused.'])
  chat.rejoin(room().key)
  socket().say(joined('lobby', 0))
  assert.deepEqual([room().status, room().problem], ['joined', ''])
})

test('a room left while it was joined again is left for good', async () => {
  const { chat, state, socket, comeBack, room } = await inLobby()
  socket().lose()
  comeBack()
  chat.leave(room().key)
  socket().say(joined('lobby', 0))
  assert.deepEqual(socket().sent.at(-1), { action: 'leave-room', message: 'id-lobby' })
  assert.equal(state.conversations.length, 0)
})

test('after a reload one is there again before the server is', async () => {
  const before = await inLobby()
  before.socket().say(message('lobby', 1, BOB, 'read'))
  before.socket().lose()
  before.chat.send(before.room().key, 'offline')
  before.client.disconnect()
  const { state, items, room, socket, comeBack } = setUp({ storage: before.storage, user: ANN })
  // setUp connects at once; what was there before that is what the state has from the beginning.
  assert.deepEqual([state.me, room().name, room().status], [ANN, 'lobby', 'joining'])
  assert.deepEqual(texts(items()), ['offline:waiting'])
  socket().lose()
  assert.deepEqual(texts(items()), ['offline:waiting'])
  comeBack()
  socket().say(joined('lobby', 2, 1), message('lobby', 2, BOB, 'news'))
  assert.deepEqual(texts(items()), ['news:sent', 'offline:sending'])
  assert.deepEqual([room().unread, room().leftOff], [1, 1])
})

test('whoever comes back to a name finds another room there, and is told', async () => {
  const { state, socket, comeBack, room, items } = await inLobby()
  socket().say(...messages('lobby', 1, 3))
  socket().lose()
  comeBack()
  const other = joined('lobby', 1, 0)
  other.target.id = 'id-other'
  socket().say(other, message('other', 1, BOB, 'new'))
  assert.match(state.statuses[0].text, /another room/)
  assert.deepEqual([texts(items()), room().leftOff], [['new:sent'], null])
})

test('somebody new is told what became of what was not confirmed', async () => {
  const { chat, state, socket, comeBack, room, items } = await inLobby()
  socket().lose()
  chat.send(room().key, 'offline')
  comeBack(AGAIN)
  assert.match(state.statuses[0].text, /somebody new/)
  assert.deepEqual([state.me, texts(items())], [AGAIN, ['offline:failed']])
})

test('one of the same name is another person', () => {
  const { state, socket } = setUp()
  socket().say(joinedPrivate(BOB), joinedPrivate({ id: 'u-bob-2', name: 'Bob' }))
  assert.equal(state.conversations.length, 2)
})
