// What one does in a room besides talking, and what others do to one there.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  AGAIN,
  ANN,
  BOB,
  joined,
  joinedPrivate,
  message,
  refusal,
  setUpClient,
  settled,
  texts,
} from './stage.js'

const CARL = { id: 'u-carl', name: 'Carl' }
const LOBBY = { id: 'id-lobby', name: 'lobby' }

const change = (action, seq, of, sender, text, id) => ({
  action,
  target: LOBBY,
  sender,
  seq,
  of,
  message: text,
  ts: 1000 + seq,
  id,
})

const left = (reason, more = {}) => ({
  action: 'room-left',
  target: LOBBY,
  reason,
  by: BOB,
  ...more,
})

const done = (request, id) => ({ action: 'done', request, id, target: { id: LOBBY.id } })

// The error that a promise is rejected with.
const refusalOf = (promise) =>
  promise.then(
    () => assert.fail('it is refused'),
    (error) => error,
  )

function heard(client, event) {
  const all = []
  client.on(event, (what) => all.push(what))
  return all
}

test('an edit and a delete are asked for, and are there when the log says so', async () => {
  const { client, socket, sent, room } = setUpClient({ room: 'lobby' })
  const changes = heard(client, 'change')
  socket().say(message('lobby', 1, ANN, 'helo'), message('lobby', 2, ANN, 'oops'))
  const edited = room().edit(1, 'hello\0')
  const removed = room().remove(2)
  assert.deepEqual(sent('edit-message'), [
    { action: 'edit-message', target: { id: LOBBY.id }, of: 1, message: 'hello', id: 'm1' },
  ])
  assert.deepEqual(sent('delete-message'), [
    { action: 'delete-message', target: { id: LOBBY.id }, of: 2, id: 'm2' },
  ])
  assert.deepEqual(texts(room().items), ['helo:sent', 'oops:sent'])
  socket().say({ action: 'message-ack', id: 'm1', target: { id: LOBBY.id }, seq: 3, ts: 1 })
  socket().say(
    change('edit-message', 3, 1, ANN, 'hello', 'm1'),
    change('delete-message', 4, 2, ANN, undefined, 'm2'),
    done('delete-message', 'm2'),
  )
  await edited
  await removed
  assert.deepEqual(
    room().items.map(({ text, edited: at, deleted }) => `${text} ${at} ${deleted}`),
    ['hello 3 0', ' 0 4'],
  )
  assert.deepEqual(
    changes.map(({ change: { kind, seq, of, own } }) => [kind, seq, of, own]),
    [
      ['edit', 3, 1, true],
      ['delete', 4, 2, true],
    ],
  )
})

test('a change is no unread message, and after a loss one goes on behind it', () => {
  const { socket, sent, comeBack, room, told } = setUpClient({ room: 'lobby' })
  socket().say(message('lobby', 1, BOB, 'a'), change('edit-message', 2, 1, BOB, 'b'))
  assert.deepEqual([room().unread, texts(room().items)], [1, ['b:sent']])
  socket().lose()
  comeBack()
  assert.equal(sent('join-room')[0].since, 2)
  socket().say(
    joined('lobby', 4, 2),
    change('delete-message', 3, 1, BOB),
    message('lobby', 4, BOB, 'c'),
  )
  assert.deepEqual(texts(room().items), [':sent', 'c:sent'])
  assert.deepEqual([told, room().unread], [['1 a', '4 c'], 2])
})

test('a change that comes before room-joined is kept for it', () => {
  const { client, socket, arrive, room } = setUpClient()
  client.connect('Ann')
  arrive()
  client.join('lobby')
  socket().say(message('lobby', 2, BOB, 'a'), change('edit-message', 3, 2, BOB, 'b'))
  socket().say(joined('lobby', 1))
  assert.deepEqual(texts(room().items), ['b:sent'])
})

test('what was edited or deleted behind a gap is read again', () => {
  const { socket, sent, comeBack, room } = setUpClient({ room: 'lobby' })
  socket().say(...[1, 2, 3].map((seq) => message('lobby', seq, BOB, `${seq}`)))
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 900, 400))
  const [{ before, id }] = sent('history')
  assert.equal(before, 4)
  const past = (seq, more) => ({ message: `${seq}`, sender: BOB, seq, ts: 1000 + seq, ...more })
  socket().say({
    action: 'history',
    target: { id: LOBBY.id },
    messages: [
      past(1, { message: 'better', edited: 50 }),
      past(2, { message: '', deleted: 60 }),
      past(3),
    ],
    more: false,
    id,
  })
  assert.deepEqual(texts(room().items), ['better:sent', ':sent', '3:sent', 'gap 3-401'])
  assert.equal(room().log.last, 400)
})

test('reading it again goes page by page, and on with the next connection', () => {
  const { socket, sent, comeBack, room } = setUpClient({ room: 'lobby' })
  socket().say(...[1, 2, 3].map((seq) => message('lobby', seq, BOB, `${seq}`)))
  const page = (id, seq, more) => ({
    action: 'history',
    target: { id: LOBBY.id },
    messages: [{ message: `new ${seq}`, sender: BOB, seq, ts: 1000 + seq, edited: 99 }],
    more,
    id,
  })
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 900, 400))
  socket().say(page(sent('history')[0].id, 3, true))
  assert.equal(sent('history')[1].before, 3)
  socket().lose()
  comeBack()
  socket().say(joined('lobby', 900, 400), refusal('history', 'unavailable', true, { id: 's2' }))
  assert.deepEqual([sent('history')[0].before, room().loadProblem], [3, null])
  socket().say(page(sent('history')[0].id, 2, true))
  socket().say(page(sent('history')[1].id, 1, false))
  assert.deepEqual(texts(room().items).slice(0, 3), ['new 1:sent', 'new 2:sent', 'new 3:sent'])
  assert.equal(sent('history').length, 2)
})

test('each thing that one can do in a room is asked for as PROTOCOL.md says', () => {
  const { sent, socket, room } = setUpClient({ room: 'lobby' })
  const before = socket().sent.length
  const here = room()
  const asked = [
    here.kick(BOB),
    here.ban(BOB, 60),
    here.ban(BOB),
    here.unban(BOB),
    here.mute(BOB, 60),
    here.unmute(BOB),
    here.makeModerator(BOB),
    here.removeModerator(BOB),
    here.invite(BOB),
    here.transfer(BOB),
    here.setTopic(' News '),
    here.setKind('invite-only'),
    here.members(),
    here.destroy(),
  ]
  for (const promise of asked) promise.catch(() => {})
  const user = { id: BOB.id }
  const target = { id: LOBBY.id }
  assert.deepEqual(
    socket()
      .sent.slice(before)
      .map(({ id, ...rest }) => rest),
    [
      { action: 'kick', target, user },
      { action: 'ban', target, user, for: 60 },
      { action: 'ban', target, user },
      { action: 'unban', target, user },
      { action: 'mute', target, user, for: 60 },
      { action: 'unmute', target, user },
      { action: 'make-moderator', target, user },
      { action: 'remove-moderator', target, user },
      { action: 'invite', target, user },
      { action: 'transfer-room', target, user },
      { action: 'set-topic', target, message: 'News' },
      { action: 'set-kind', target, kind: 'invite-only' },
      { action: 'room-members', target },
      { action: 'delete-room', target },
    ],
  )
  assert.equal(sent('kick')[0].id, 'm1')
})

test('what is refused is told to who asked, and to nobody else', async () => {
  const { client, socket, sent, room } = setUpClient({ room: 'lobby' })
  const problems = heard(client, 'problem')
  const kicked = room().kick(BOB)
  const muted = room().mute(BOB)
  socket().say(done('mute', sent('mute')[0].id))
  socket().say(refusal('kick', 'forbidden', false, { id: sent('kick')[0].id }))
  assert.deepEqual((await refusalOf(kicked)).code, 'forbidden')
  await muted
  assert.deepEqual(problems, [])
})

test('what is asked when the connection is lost may be done or not, and says so', async () => {
  const { socket, comeBack, room } = setUpClient({ room: 'lobby' })
  const kicked = room().kick(BOB)
  socket().lose()
  assert.match((await refusalOf(kicked)).message, /lost before/)
  assert.match((await refusalOf(room().kick(BOB))).message, /no connection/)
  comeBack()
  assert.deepEqual(
    socket().sent.map(({ action }) => action),
    ['join-room'],
  )
})

test('a command that is never answered means that the connection is dead', async () => {
  const { client, clock, room } = setUpClient({ room: 'lobby' })
  const kicked = refusalOf(room().kick(BOB))
  clock.advance(20000)
  assert.equal(client.phase, 'waiting')
  assert.equal((await kicked).code, 'offline')
})

test('a room of one own is made, described, and not taken for an invitation', async () => {
  const { client, socket, arrive, sent, room } = setUpClient()
  client.connect('Ann')
  arrive()
  const making = client.createRoom(' club ', { kind: 'invite-only', topic: 'Secrets' })
  const [{ id }] = sent('create-room')
  assert.deepEqual(sent('create-room'), [
    { action: 'create-room', message: 'club', kind: 'invite-only', topic: 'Secrets', id },
  ])
  const described = { kind: 'invite-only', topic: 'Secrets', role: 'owner', owner: ANN }
  socket().say({ ...joined('club'), ...described })
  assert.equal(await making, room())
  const { kind, topic, role, owner, invited } = room()
  assert.deepEqual({ kind, topic, role, owner }, described)
  assert.equal(invited, false)
  const again = client.createRoom('club')
  socket().say(refusal('create-room', 'room-exists', false, { id: sent('create-room')[1].id }))
  assert.equal((await refusalOf(again)).code, 'room-exists')
  socket().say({ action: 'room-changed', target: { id: 'id-club', name: 'club' }, topic: 'News' })
  assert.deepEqual([room().topic, room().role], ['News', 'owner'])
})

test('rooms are listed page by page, and whom one blocked is found again', async () => {
  const { client, socket, sent } = setUpClient({ room: 'lobby' })
  const page = client.listRooms({ after: 'a', limit: 2 })
  const [{ id }] = sent('rooms')
  assert.deepEqual(sent('rooms'), [{ action: 'rooms', after: 'a', limit: 2, id }])
  socket().say({ action: 'rooms', rooms: [{ id: 'r', name: 'b', online: 3 }], more: false, id })
  assert.equal((await page).rooms[0].online, 3)
  const blocked = client.block(BOB)
  socket().say({ action: 'done', request: 'block', id: sent('block')[0].id })
  await blocked
  const all = client.blocks()
  socket().say({ action: 'blocks', users: [BOB], more: true, id: sent('blocks')[0].id })
  await settled()
  assert.equal(sent('blocks')[1].after, BOB.id)
  socket().say({ action: 'blocks', users: [CARL], more: false, id: sent('blocks')[1].id })
  assert.deepEqual(await all, [BOB, CARL])
})

test('who is kicked is out, is told why, and does not come back by itself', async () => {
  const { client, clock, socket, sent, comeBack, storage, room } = setUpClient({ room: 'lobby' })
  const outs = heard(client, 'out')
  client.save()
  room().send('on its way')
  socket().say(left('kicked'))
  assert.deepEqual([room().status, room().out.reason, room().out.by], ['out', 'kicked', BOB])
  assert.deepEqual(texts(room().items), ['on its way:failed'])
  assert.equal(outs.length, 1)
  const { id } = sent('send-message')[0]
  const target = { id: LOBBY.id }
  socket().say(refusal('send-message', 'not-a-member', false, { id, target }))
  clock.advance(60000)
  socket().lose()
  comeBack()
  assert.equal(room().status, 'out')
  assert.deepEqual(sent('join-room'), [])
  // Nor does a page that is loaded after that.
  client.save()
  const next = setUpClient({ storage })
  next.client.connect('Ann')
  assert.deepEqual(next.client.rooms, [])
  // By hand one may try.
  room().rejoin()
  socket().say(joined('lobby', 0, 0))
  assert.deepEqual([room().status, room().out], ['joined', null])
  client.save()
  const last = setUpClient({ storage })
  last.client.connect('Ann')
  assert.equal(last.client.rooms.length, 1)
})

test('a refusal that comes before one is told to go does not make one join again', () => {
  const { clock, socket, sent, room } = setUpClient({ room: 'lobby' })
  room().send('late')
  const { id } = sent('send-message')[0]
  socket().say(refusal('send-message', 'not-a-member', false, { id, target: { id: LOBBY.id } }))
  socket().say(left('kicked'))
  clock.advance(60000)
  assert.equal(sent('join-room').length, 1)
  assert.equal(room().status, 'out')
})

test('who is banned is told until when, also on trying to come back', async () => {
  const { client, socket, comeBack, room } = setUpClient({ room: 'lobby' })
  socket().say(left('banned', { until: 5e12 }))
  assert.deepEqual([room().out.reason, room().out.until], ['banned', 5e12])
  const again = client.join('lobby')
  assert.equal(await again, room())
  socket().say(refusal('join-room', 'banned', false, { until: 6e12 }))
  assert.deepEqual([room().status, room().out.until], ['out', 6e12])
  // For ever is a number that is too large for a time, or none.
  for (const until of [undefined, 9223372036854776000]) {
    room().rejoin()
    socket().say(joined('lobby', 0, 0), left('banned', { until }))
    assert.equal(room().out.until, Infinity)
  }
  socket().lose()
  comeBack()
  assert.equal(room().status, 'out')
})

test('who was banned while away is told on coming back', () => {
  const { client, socket, comeBack, room } = setUpClient({ room: 'lobby' })
  const outs = heard(client, 'out')
  socket().lose()
  comeBack()
  socket().say(refusal('join-room', 'banned', false, { until: 5e12 }))
  assert.deepEqual([room().status, outs[0].reason, outs[0].until], ['out', 'banned', 5e12])
})

test('a room that was deleted is over, and is not made again by who comes back', async () => {
  const { client, socket, sent, comeBack, storage, room } = setUpClient({ room: 'lobby' })
  client.save()
  socket().say(left('room-deleted'))
  assert.equal(room().status, 'ended')
  socket().lose()
  comeBack()
  assert.deepEqual(sent('join-room'), [])
  client.save()
  const next = setUpClient({ storage })
  next.client.connect('Ann')
  assert.deepEqual(next.client.rooms, [])
  // Whoever joins one of this name makes another one.
  const other = client.join('lobby')
  const made = joined('lobby', 0)
  made.target.id = 'id-other'
  socket().say(made)
  assert.deepEqual([await other, room().status, room().items], [room(), 'joined', []])
})

test('a room that was deleted while one was away is over, too', async () => {
  const { client, socket, sent, comeBack, room } = setUpClient({ room: 'lobby' })
  const outs = heard(client, 'out')
  assert.equal('create' in JSON.parse(JSON.stringify(sent('join-room')[0])), false)
  socket().lose()
  room().send('too late')
  comeBack()
  assert.equal(sent('join-room')[0].create, false)
  socket().say(refusal('join-room', 'no-such-room', false))
  assert.deepEqual([room().status, outs[0].reason], ['ended', 'room-deleted'])
  assert.deepEqual(texts(room().items), ['too late:failed'])
  const again = client.join('lobby')
  assert.equal(sent('join-room').at(-1).create, undefined)
  const made = joined('lobby', 0)
  made.target.id = 'id-other'
  socket().say(made)
  assert.equal((await again).status, 'joined')
})

test('a server that has forgotten everything is given its rooms back', () => {
  const { socket, sent, comeBack } = setUpClient({ room: 'lobby' })
  socket().lose()
  comeBack(AGAIN)
  assert.equal(sent('join-room')[0].create, undefined)
  const made = joined('lobby', 0)
  made.target.id = 'id-other'
  socket().say(made)
  socket().lose()
  comeBack(AGAIN)
  assert.equal(sent('join-room')[0].create, false)
})

test('to be told of a room that one is not in does nothing', () => {
  const { client, socket } = setUpClient({ room: 'lobby' })
  socket().say({ ...left('kicked'), target: { id: 'id-other' } })
  socket().say({ action: 'room-changed', target: { id: 'id-other' }, topic: 'x' })
  socket().say({ action: 'done', id: 'nobody asked' }, { action: 'rooms', rooms: [] })
  assert.deepEqual(
    client.rooms.map(({ status }) => status),
    ['joined'],
  )
})

test('who is muted learns it by what is refused, and that it is over by what is stored', () => {
  const { socket, sent, room } = setUpClient({ room: 'lobby' })
  room().send('may I?')
  const [{ id }] = sent('send-message')
  const target = { id: LOBBY.id }
  socket().say(refusal('send-message', 'muted', false, { id, target, until: 5e12 }))
  assert.deepEqual([room().mutedUntil, texts(room().items)], [5e12, ['may I?:failed']])
  room().retry(id)
  const [, again] = sent('send-message')
  socket().say({ action: 'message-ack', id: again.id, target, seq: 1, ts: 1 })
  assert.equal(room().mutedUntil, 0)
})

test('what one is in a room changes while one is in it', () => {
  const { socket, comeBack, room } = setUpClient({ room: 'lobby' })
  const changed = (more) => socket().say({ action: 'room-changed', target: LOBBY, ...more })
  changed({ role: 'member', muted: true, until: 5e12 })
  assert.deepEqual([room().role, room().mutedUntil], ['member', 5e12])
  changed({ topic: 'News', owner: null })
  assert.deepEqual([room().topic, room().owner, room().mutedUntil], ['News', null, 5e12])
  changed({ role: 'moderator' })
  assert.deepEqual([room().role, room().mutedUntil], ['moderator', 0])
  socket().lose()
  comeBack()
  socket().say({ ...joined('lobby', 0, 0), role: 'member', muted: true })
  assert.deepEqual([room().role, room().mutedUntil], ['member', Infinity])
})

test('who is blocked is told so at the message, and at the private chat', async () => {
  const { client, socket, sent } = setUpClient({ room: 'lobby' })
  socket().say(joinedPrivate(BOB))
  const bob = client.rooms[1]
  bob.send('hello?')
  const [{ id }] = sent('send-message')
  socket().say(refusal('send-message', 'blocked', false, { id, target: { id: bob.id } }))
  assert.deepEqual(texts(bob.items), ['hello?:failed'])
  const carl = client.openPrivate({ id: 'u-carl', name: 'Carl' })
  socket().say(refusal('join-room-private', 'blocked', false))
  assert.equal((await refusalOf(carl)).code, 'blocked')
  await settled()
})
