import assert from 'node:assert/strict'
import test from 'node:test'
import { ChatClient } from '../src/client/index.js'
import { FakeClock, FakeSocket, FakeStorage } from './fakes.js'
import {
  AGAIN,
  ANN,
  BOB,
  ack,
  history,
  joined,
  joinedPrivate,
  message,
  messages,
  refusal,
  setUpClient,
  settled,
  texts,
} from './stage.js'

test('fifteen lines are enough for a robot, and it needs no storage', async () => {
  const sockets = []
  const client = new ChatClient({
    url: 'ws://here/ws',
    createSocket: (url) => sockets[sockets.push(new FakeSocket(url)) - 1],
  })
  client.on('message', ({ room, message: { text } }) => text === 'ping' && room.send('pong'))
  client.connect('Robot')
  const joining = client.join('lobby')
  sockets[0].accept()
  sockets[0].say({ action: 'welcome', user: { id: 'r', name: 'Robot' }, limits: {} })
  sockets[0].say(joined('lobby'))
  ;(await joining).send('hello')
  sockets[0].say(message('lobby', 1, BOB, 'ping'))
  assert.deepEqual(
    sockets[0].sent.map(({ message: text }) => text),
    ['lobby', 'hello', 'pong'],
  )
  client.disconnect()
})

test('a join waits for a connection, outlasts its loss, and is refused in words', async () => {
  const { client, socket, sent, arrive, comeBack } = setUpClient()
  client.connect('Ann')
  const lobby = client.join(' lobby ')
  const twice = client.join('lobby')
  arrive()
  assert.equal(sent('join-room').length, 1)
  socket().lose()
  comeBack()
  assert.deepEqual(sent('join-room'), [{ action: 'join-room', message: 'lobby' }])
  socket().say(joined('lobby'))
  assert.equal(await lobby, await twice)
  assert.equal(await client.join('lobby'), await lobby)
  const refused = client.join('bad')
  socket().say(refusal('join-room', 'bad-name', false))
  await assert.rejects(refused, { code: 'bad-name', message: 'Refused.' })
  const closed = client.join('late')
  client.disconnect()
  await assert.rejects(closed, /closed/)
})

// Who one is.

test('the token comes along on the next connection, and on the next page', () => {
  const { client, clock, storage, sockets, socket, comeBack } = setUpClient({ room: 'lobby' })
  assert.equal(sockets[0].url, 'ws://here/ws?name=Ann')
  socket().lose()
  comeBack()
  const address = 'ws://here/ws?name=Ann&bearer=token%20of%20u-ann'
  assert.equal(socket().url, address)
  client.disconnect()
  const next = setUpClient({ storage, clock })
  assert.equal(next.client.remembers(' Ann '), true)
  assert.equal(next.client.remembers('Bob'), false)
  next.client.connect('Ann')
  assert.equal(next.socket().url, address)
  assert.deepEqual(next.client.user, ANN)
})

test('in two tabs of one browser: under two names two people, under one name one', () => {
  const storage = new FakeStorage()
  const ann = setUpClient({ storage, room: 'lobby' })
  const bob = setUpClient({ storage })
  bob.client.connect('Bob')
  bob.arrive(BOB)
  assert.deepEqual([ann.client.user.id, bob.client.user.id], [ANN.id, BOB.id])
  assert.equal(bob.client.rooms.length, 0)
  const annToo = setUpClient({ storage })
  annToo.client.connect('Ann')
  assert.match(annToo.socket().url, /bearer/)
  assert.equal(annToo.client.rooms[0].name, 'lobby')
  // Should the server not know her any more, both become the same new one.
  annToo.arrive(AGAIN)
  ann.socket().lose()
  ann.clock.advance(5000)
  assert.match(ann.socket().url, /bearer=token%20of%20u-ann-2$/)
})

test('signing out makes the next one of that name somebody new', () => {
  const { client, storage, room } = setUpClient({ room: 'lobby' })
  client.save()
  room().send('on its way')
  client.signOut()
  assert.equal(storage.length, 0)
  assert.equal(client.rooms.length, 0)
})

test('a page that goes away leaves no timer behind', () => {
  const { client, clock, socket, room } = setUpClient({ room: 'lobby' })
  room().send('x')
  socket().say(
    { action: 'typing', target: { id: 'id-lobby' }, sender: BOB },
    refusal('join-room', 'x'),
  )
  client.disconnect()
  assert.equal(clock.pending, 0)
})

test('a token that is not known any more: rooms are kept, nothing goes out as another one', () => {
  const stage = setUpClient({ room: 'lobby' })
  const { client, socket, sent, comeBack, room, told } = stage
  const welcomes = []
  client.on('welcome', (welcome) => welcomes.push(welcome.isAnother))
  socket().say(joinedPrivate(BOB))
  room().send('stored')
  const [stored] = sent('send-message')
  client.rooms[1].send('psst')
  socket().lose()
  room().send('written offline')
  comeBack(AGAIN)
  assert.deepEqual(welcomes, [true])
  assert.deepEqual(sent('join-room'), [{ action: 'join-room', message: 'lobby', since: 0 }])
  assert.deepEqual(sent('join-room-private'), [{ action: 'join-room-private', message: BOB.id }])
  socket().say(joined('lobby', 2, 0), joinedPrivate(BOB, 'p-new', 3, undefined))
  assert.deepEqual(sent('send-message'), [])
  assert.deepEqual(texts(room().items), ['stored:failed', 'written offline:failed'])
  assert.deepEqual(texts(client.rooms[1].items), ['psst:failed'])
  // The server had stored the first one, and it is not offered again.
  socket().say(message('lobby', 1, ANN, 'stored', stored.id), message('lobby', 2, BOB, 'hi'))
  assert.deepEqual(texts(room().items), ['stored:sent', 'hi:sent', 'written offline:failed'])
  room().retry(room().items[2].id)
  const [again] = sent('send-message')
  socket().say(message('lobby', 3, AGAIN, 'written offline', again.id))
  assert.deepEqual(texts(room().items), ['stored:sent', 'hi:sent', 'written offline:sent'])
  assert.deepEqual(told, ['1 stored', '2 hi', '3 written offline'])
})

test('the same when it is found out only after a reload', () => {
  const before = setUpClient({ room: 'lobby' })
  before.room().send('who knows')
  before.client.disconnect()
  const { client, socket, sent, arrive, room, storage } = setUpClient({ storage: before.storage })
  client.connect('Ann')
  assert.deepEqual(texts(room().items), ['who knows:waiting'])
  arrive(AGAIN)
  socket().say(joined('lobby', 0, 0))
  assert.deepEqual(sent('send-message'), [])
  assert.deepEqual(texts(room().items), ['who knows:failed'])
  const next = setUpClient({ storage })
  client.disconnect()
  next.client.connect('Ann')
  assert.deepEqual([next.client.user, texts(next.room().items)], [AGAIN, ['who knows:failed']])
})

// Going on where one was.

test('after a loss a room goes on behind the last number, and each message is told once', () => {
  const { client, socket, sent, comeBack, room, told } = setUpClient({ room: 'lobby' })
  socket().say(...messages('lobby', 1, 3))
  socket().lose()
  assert.equal(room().status, 'joining')
  comeBack()
  const asked = { action: 'join-room', message: 'lobby', since: 3, create: false }
  assert.deepEqual(sent('join-room'), [asked])
  socket().say(joined('lobby', 5, 3), ...messages('lobby', 4, 6))
  assert.deepEqual(told, ['1 1', '2 2', '3 3', '4 4', '5 5', '6 6'])
  assert.equal(room().items.length, 6)
  assert.equal(client.room('room lobby').status, 'joined')
})

test('more than the server repeats is a gap, which is loaded in pages', () => {
  const { socket, sent, comeBack, room } = setUpClient({ room: 'lobby' })
  socket().say(...messages('lobby', 1, 2))
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 602, 102), ...messages('lobby', 103, 104))
  assert.deepEqual(texts(room().items.slice(2, 3)), ['gap 2-103'])
  assert.equal(room().unread, 2 + 100 + 2)
  // What was here before the gap is looked at again: nobody told of changes in it.
  const [again] = socket().sent.splice(1, 1)
  assert.deepEqual([again.before, again.limit], [3, 200])
  const { key } = room().items[2]
  room().fillGap(key, true)
  room().fillGap(key, true)
  assert.deepEqual(sent('history'), [
    { action: 'history', target: { id: 'id-lobby' }, after: 2, limit: 50, id: 'h1' },
  ])
  assert.equal(room().loading, key)
  socket().say(history(sent('history')[0], 104))
  assert.deepEqual(texts(room().items.slice(51, 53)), ['52:sent', 'gap 52-103'])
  room().fillGap(key, false)
  socket().say(history(sent('history')[1], 104))
  assert.deepEqual(
    room().items.map(({ seq }) => seq),
    Array.from({ length: 104 }, (_, i) => i + 1),
  )
})

test('older messages come page by page, until there are none', () => {
  const { client, socket, sent, arrive, room, told } = setUpClient()
  client.connect('Ann')
  arrive()
  client.join('lobby')
  socket().say(joined('lobby', 60))
  assert.equal(room().canLoadOlder, true)
  for (const request of [0, 1]) {
    room().loadOlder()
    assert.equal(sent('history')[request].before, request ? 11 : 61)
    socket().say(history(sent('history')[request], 60))
  }
  assert.deepEqual([room().items.length, room().items[0].seq, room().canLoadOlder], [60, 1, false])
  room().loadOlder()
  assert.equal(sent('history').length, 2)
  assert.deepEqual([told, room().unread], [[], 0])
})

test('what cannot be loaded says why, and can be tried again, also after a loss', () => {
  const { client, socket, sent, arrive, comeBack, room } = setUpClient()
  client.connect('Ann')
  arrive()
  client.join('lobby')
  socket().say(joined('lobby', 60))
  room().loadOlder()
  socket().say(refusal('history', 'unavailable', true, { target: { id: 'id-lobby' } }))
  assert.deepEqual([room().loading, room().loadProblem.message], [null, 'Refused.'])
  room().loadOlder()
  const [, late] = sent('history')
  assert.deepEqual([room().loading, room().loadProblem], ['older', null])
  socket().lose()
  assert.equal(room().loading, null)
  comeBack()
  socket().say(joined('lobby', 60, 60))
  room().loadOlder()
  socket().say(history(late, 60)) // nobody waits for it any more
  assert.equal(room().items.length, 0)
  socket().say(history(sent('history')[0], 60))
  assert.equal(room().items.length, 50)
})

test('after a reload the rooms are joined again, where one had read up to', () => {
  const before = setUpClient({ room: 'lobby' })
  before.socket().say(...messages('lobby', 1, 4))
  before.room().markRead()
  before.socket().say(...messages('lobby', 5, 6))
  before.client.save()
  before.socket().lose()
  before.client.disconnect()
  const { client, socket, sent, arrive, room } = setUpClient({ storage: before.storage })
  client.connect('Ann')
  assert.deepEqual([room().name, room().status], ['lobby', 'joining'])
  arrive()
  assert.equal(sent('join-room')[0].since, 4)
  socket().say(joined('lobby', 7, 4), ...messages('lobby', 5, 7))
  assert.deepEqual([room().unread, room().log.from, room().canLoadOlder], [3, 5, true])
})

test('where nobody says what is read, it is where one was', () => {
  const before = setUpClient({ room: 'lobby' })
  before.socket().say(...messages('lobby', 1, 4))
  before.clock.advance(1000) // it is kept by itself
  const { client, sent, arrive } = setUpClient({ storage: before.storage })
  client.connect('Ann')
  arrive()
  assert.equal(sent('join-room')[0].since, 4)
})

test('a room that was left does not come back', () => {
  const before = setUpClient({ room: 'lobby' })
  before.client.save()
  before.room().leave()
  assert.deepEqual(before.sent('leave-room'), [{ action: 'leave-room', message: 'id-lobby' }])
  const { client } = setUpClient({ storage: before.storage })
  client.connect('Ann')
  assert.equal(client.rooms.length, 0)
})

test('nor does one that was left before its last change was kept', () => {
  const before = setUpClient({ room: 'lobby' })
  before.socket().say(...messages('lobby', 1, 2))
  before.room().leave()
  before.clock.advance(1000)
  const { client } = setUpClient({ storage: before.storage })
  client.connect('Ann')
  assert.equal(client.rooms.length, 0)
})

test('what the server repeats from before is no news', () => {
  const before = setUpClient({ room: 'lobby' })
  before.socket().say(joinedPrivate(BOB, 'p-1', 0), ...messages('p-1', 1, 4))
  before.client.rooms[1].markRead()
  before.client.disconnect()
  const { client, socket, arrive, told } = setUpClient({ storage: before.storage })
  client.connect('Ann')
  arrive()
  // Called back before one's own join is answered, with what the server takes for the last seen.
  socket().say(joinedPrivate(BOB, 'p-1', 5, 2), ...messages('p-1', 3, 5))
  const bob = client.rooms.find(({ peer }) => peer)
  assert.deepEqual([told, bob.unread, bob.items.length], [['5 5'], 1, 3])
})

test('another room of the same name begins anew', () => {
  const { socket, comeBack, room } = setUpClient({ room: 'lobby' })
  socket().say(...messages('lobby', 1, 4))
  socket().lose()
  comeBack()
  const other = joined('lobby', 2, 2)
  other.target.id = 'id-other'
  socket().say(other, message('other', 3, BOB, 'new'))
  assert.deepEqual(texts(room().items), ['new:sent'])
})

test('one that is invited gets what was said before it heard of it', () => {
  const { client, socket, comeBack } = setUpClient({ room: 'lobby' })
  socket().say(
    joinedPrivate(BOB, 'p-1', 2, 0),
    message('p-1', 1, BOB, 'a'),
    message('p-1', 2, BOB, 'b'),
  )
  const invited = client.rooms[1]
  assert.deepEqual(
    [invited.invited, invited.unread, texts(invited.items)],
    [true, 2, ['a:sent', 'b:sent']],
  )
  // Away, one is told unasked; one's own join comes too late to matter.
  socket().lose()
  comeBack()
  socket().say(joinedPrivate(BOB, 'p-1', 3, 2), message('p-1', 3, BOB, 'c'))
  socket().say(joined('lobby', 0, 0), joinedPrivate(BOB, 'p-1', 3))
  assert.deepEqual(texts(invited.items), ['a:sent', 'b:sent', 'c:sent'])
  assert.equal(client.rooms.length, 2)
})

// What one writes.

test('what is written offline is sent when the room is joined again, and outlasts a reload', () => {
  const before = setUpClient({ room: 'lobby' })
  before.socket().lose()
  before.room().send('one')
  before.room().send('two')
  const offline = setUpClient({ storage: before.storage })
  offline.client.connect('Ann')
  offline.room().send('three')
  assert.deepEqual(texts(offline.room().items), ['one:waiting', 'two:waiting', 'three:waiting'])
  offline.arrive()
  assert.deepEqual(offline.sent('send-message'), [])
  offline.socket().say(joined('lobby', 0, 0))
  const sent = offline.sent('send-message')
  assert.deepEqual(
    sent.map(({ message: text }) => text),
    ['one', 'two', 'three'],
  )
  for (const [at, { id, message: text }] of sent.entries())
    offline.socket().say(message('lobby', at + 1, ANN, text, id))
  assert.deepEqual(texts(offline.room().items), ['one:sent', 'two:sent', 'three:sent'])
  assert.equal(offline.client.waiting, 0)
})

test('what was stored and not acknowledged is there once', () => {
  const { socket, sent, comeBack, room } = setUpClient({ room: 'lobby' })
  room().send('one')
  const [{ id }] = sent('send-message')
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 1, 0))
  assert.equal(sent('send-message')[0].id, id)
  socket().say(message('lobby', 1, ANN, 'one', id))
  socket().say(ack('lobby', { id }, 1))
  assert.deepEqual(texts(room().items), ['one:sent'])
  assert.equal(room().items[0].own, true)
})

test('whoever turns out not to be in a room joins it again, and loses nothing', () => {
  const { socket, sent, clock, room } = setUpClient({ room: 'lobby' })
  room().send('one')
  room().send('two')
  const target = { id: 'id-lobby' }
  for (const { id } of sent('send-message'))
    socket().say(refusal('send-message', 'not-a-member', false, { id, target }))
  assert.deepEqual(texts(room().items), ['one:waiting', 'two:waiting'])
  clock.advance(1250)
  const asked = { action: 'join-room', message: 'lobby', since: 0, create: false }
  assert.deepEqual(sent('join-room')[1], asked)
  socket().say(joined('lobby', 0, 0))
  assert.deepEqual(
    sent('send-message').map(({ id }) => id),
    ['m1', 'm2', 'm1', 'm2'],
  )
})

test('what was missed and could not be read to the end is asked for again', () => {
  const { client, socket, sent, clock, comeBack, room, told } = setUpClient({ room: 'lobby' })
  socket().say(message('lobby', 1, BOB, '1'))
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 4, 1), message('lobby', 2, BOB, '2'))
  socket().say(refusal('join-room', 'unavailable'))
  clock.advance(1250)
  assert.equal(sent('join-room')[1].since, 2)
  socket().say(joined('lobby', 4, 2), ...messages('lobby', 3, 4))
  assert.deepEqual(told, ['1 1', '2 2', '3 3', '4 4'])
  assert.deepEqual([room().status, client.rooms.length], ['joined', 1])
  socket().say(refusal('join-room', 'unavailable'))
  clock.advance(60000)
  assert.equal(sent('join-room').length, 2, 'nothing is missing any more')
})

test('a room that cannot be joined again for now is tried again by itself', () => {
  const { socket, sent, clock, comeBack, room } = setUpClient({ room: 'lobby' })
  socket().lose()
  comeBack()
  room().send('waits')
  socket().say(refusal('join-room', 'rate-limited'))
  assert.deepEqual([room().status, room().problem], ['lost', 'Refused.'])
  clock.advance(1250)
  assert.equal(sent('join-room').length, 2)
  socket().say(joined('lobby', 0, 0))
  assert.equal(sent('send-message').length, 1)
})

test('an answer that is long overdue means that the connection is dead', () => {
  const { client, socket, clock, room } = setUpClient({ room: 'lobby' })
  room().send('one')
  clock.advance(15000)
  socket().say(ack('lobby', { id: 'm1' }, 1))
  room().send('two')
  clock.advance(19000)
  assert.equal(client.phase, 'connected')
  clock.advance(1000)
  assert.equal(client.phase, 'waiting')
  assert.equal(socket().closed, true)
  assert.deepEqual(texts(room().items), ['one:sent', 'two:waiting'])
})

test('so does a join that is never answered, which waits for the next connection', () => {
  const { client, socket, sockets, clock, comeBack, room, sent } = setUpClient({ room: 'lobby' })
  socket().lose()
  comeBack()
  room().send('waits')
  clock.advance(19000)
  assert.equal(client.phase, 'connected')
  const before = sockets.length
  clock.advance(1000)
  assert.deepEqual([client.phase, room().status], ['waiting', 'joining'])
  comeBack()
  assert.equal(sockets.length, before + 1)
  socket().say(joined('lobby', 0, 0))
  assert.equal(sent('send-message').length, 1)
})

test('so does a page of the past that never comes', () => {
  const { client, socket, clock, room, arrive } = setUpClient()
  client.connect('Ann')
  arrive()
  client.join('lobby')
  socket().say(joined('lobby', 30))
  room().loadOlder()
  assert.ok(room().loading)
  clock.advance(19000)
  assert.equal(client.phase, 'connected')
  clock.advance(1000)
  assert.deepEqual([client.phase, room().loading], ['waiting', null])
})

test('a server that could not store the user is asked again, and nobody is bothered', () => {
  const { client, clock, socket, arrive } = setUpClient()
  const problems = []
  client.on('problem', (problem) => problems.push(problem))
  client.connect('Ann')
  socket().accept()
  socket().say({ action: 'error', code: 'unavailable', message: 'Not now.', retry: true })
  socket().lose(1011)
  assert.equal(client.phase, 'waiting')
  clock.advance(2000)
  arrive()
  assert.deepEqual([client.phase, problems], ['connected', []])
})

// Typing.

test('who writes is told and forgotten, and not told of oneself', () => {
  const { socket, clock, room } = setUpClient({ room: 'lobby' })
  const typing = (sender) => ({ action: 'typing', target: { id: 'id-lobby' }, sender })
  socket().say(typing(ANN), typing(BOB))
  assert.deepEqual(room().typing.names, ['Bob'])
  clock.advance(5000)
  socket().say(typing(BOB))
  clock.advance(5000)
  assert.deepEqual(room().typing.names, ['Bob'])
  clock.advance(1000)
  assert.deepEqual(room().typing.names, [])
  socket().say(typing(BOB), message('lobby', 1, BOB, 'there'))
  assert.deepEqual(room().typing.names, [])
  socket().say(typing(BOB), { action: 'user-left', sender: BOB })
  assert.deepEqual(room().typing.names, [])
})

test('that one writes is said now and then, however fast one writes', () => {
  const { sent, socket, clock, room } = setUpClient({ room: 'lobby' })
  for (let i = 0; i < 50; i += 1) {
    room().write()
    clock.advance(100)
  }
  assert.equal(sent('typing').length, 2)
  assert.deepEqual(sent('typing')[0].target, { id: 'id-lobby' })
  room().send('done')
  room().write()
  assert.equal(sent('typing').length, 3)
  socket().say(refusal('typing', 'unknown-action', false))
  socket().lose()
  clock.advance(5000)
  room().write()
  assert.equal(sent('typing').length, 0)
})

test('a server without all this is treated as before', async () => {
  const stage = setUpClient({ room: 'lobby', limits: null })
  const { client, clock, storage, socket, sent, comeBack, room } = stage
  socket().say(...messages('lobby', 1, 2))
  room().write()
  room().loadOlder()
  room().send('open')
  clock.advance(2000)
  assert.deepEqual([storage.length, client.remembers('Ann')], [0, false])
  socket().lose()
  comeBack(AGAIN)
  assert.equal(socket().url, 'ws://here/ws?name=Ann')
  assert.deepEqual(sent('join-room'), [{ action: 'join-room', message: 'lobby' }])
  socket().say(joined('lobby', 5), message('lobby', 6, BOB, '6'))
  assert.deepEqual(texts(room().items), ['1:sent', '2:sent', 'gap 2-6', '6:sent', 'open:failed'])
  room().fillGap(room().items[2].key, true)
  assert.deepEqual([sent('history'), sent('typing')], [[], []])
  await settled()
})

test('a storage that is full or forbidden costs nothing but the memory', () => {
  const storage = new FakeStorage()
  storage.isFull = true
  const { socket, sent, comeBack, room } = setUpClient({ storage, room: 'lobby' })
  socket().lose()
  room().send('kept here only')
  comeBack()
  assert.match(socket().url, /bearer/)
  socket().say(joined('lobby', 0, 0))
  assert.equal(sent('send-message').length, 1)
})
