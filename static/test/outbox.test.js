import assert from 'node:assert/strict'
import test from 'node:test'
import { MOST, Outbox } from '../src/client/outbox.js'
import { Store } from '../src/client/store.js'
import { FakeClock, FakeStorage } from './fakes.js'
import { ANN } from './stage.js'

const LOBBY = { key: 'room lobby', name: 'lobby', peer: null }
const OTHER = { key: 'room other', name: 'other', peer: null }

function setUp({ storage = new FakeStorage(), ids = 0 } = {}) {
  const clock = new FakeClock()
  const sent = []
  const line = { isUp: true }
  const newId = () => `m${(ids += 1)}`
  const outbox = new Outbox(
    { ...clock, random: () => 1, newId },
    {
      transmit: (key, { id, text }) =>
        line.isUp && Boolean(sent.push(`${key.slice(5)} ${id} ${text}`)),
      changed: () => {},
    },
  )
  const store = new Store(storage, 'ws://x')
  const states = (room = LOBBY) => outbox.of(room.key).map(({ text, state }) => `${text}:${state}`)
  return { outbox, clock, sent, store, storage, line, states }
}

function open(options) {
  const stage = setUp(options)
  stage.outbox.become(ANN, stage.store)
  stage.outbox.open(LOBBY.key)
  return stage
}

test('what is written waits for its room, and goes in order', () => {
  const { outbox, sent, states, store } = setUp()
  outbox.become(ANN, store)
  outbox.add(LOBBY, 'a')
  outbox.add(OTHER, 'b')
  outbox.add(LOBBY, 'c')
  assert.deepEqual(states(), ['a:waiting', 'c:waiting'])
  outbox.open(LOBBY.key)
  assert.deepEqual(sent, ['lobby m1 a', 'lobby m3 c'])
  outbox.open(OTHER.key)
  assert.deepEqual(sent.slice(2), ['other m2 b'])
})

test('what has no answer when the connection is lost is sent again under its id', () => {
  const { outbox, sent, states } = open()
  outbox.add(LOBBY, 'a')
  outbox.add(LOBBY, 'b')
  outbox.settle(LOBBY.key, 'm1', ANN.id)
  outbox.closeAll()
  assert.deepEqual(states(), ['b:waiting'])
  outbox.open(LOBBY.key)
  assert.deepEqual(sent, ['lobby m1 a', 'lobby m2 b', 'lobby m2 b'])
})

test('it outlasts a reload, in order, and what is settled does not', () => {
  const first = setUp()
  first.outbox.become(ANN, first.store)
  for (const text of ['a', 'b', 'c']) first.outbox.add(LOBBY, text)
  first.outbox.settle(LOBBY.key, 'm2', ANN.id)
  const second = setUp({ storage: first.storage, ids: 3 })
  second.outbox.restore(ANN, second.store)
  assert.deepEqual(second.states(), ['a:waiting', 'c:waiting'])
  second.outbox.become(ANN, second.store)
  second.outbox.add(LOBBY, 'd')
  second.outbox.open(LOBBY.key)
  assert.deepEqual(second.sent, ['lobby m1 a', 'lobby m3 c', 'lobby m4 d'])
  for (const id of ['m1', 'm3', 'm4']) second.outbox.settle(LOBBY.key, id, ANN.id)
  assert.equal(first.storage.length, 0)
})

test('no more than the server allows is under way', () => {
  const { outbox, sent } = open()
  for (let i = 0; i < 100; i += 1) outbox.add(LOBBY, `${i}`)
  assert.equal(sent.length, 64)
  for (let i = 1; i <= 36; i += 1) outbox.settle(LOBBY.key, `m${i}`, ANN.id)
  assert.equal(sent.length, 100)
  assert.deepEqual(
    sent.map((one) => Number(one.split(' ')[2])),
    Array.from({ length: 100 }, (_, i) => i),
  )
})

test('what may work later is tried later, under the same id, and nothing overtakes it', () => {
  const { outbox, clock, sent, states } = open()
  outbox.add(LOBBY, 'a')
  outbox.refuse(LOBBY.key, 'm1', 'Busy.', true)
  outbox.add(LOBBY, 'b')
  assert.deepEqual(states(), ['a:waiting', 'b:waiting'])
  clock.advance(1249)
  assert.equal(sent.length, 1)
  clock.advance(1)
  assert.deepEqual(sent.slice(1), ['lobby m1 a'])
  outbox.refuse(LOBBY.key, 'm1', 'Busy.', true)
  clock.advance(2249)
  assert.equal(sent.length, 2)
  clock.advance(1)
  outbox.settle(LOBBY.key, 'm1', ANN.id)
  assert.deepEqual(sent.slice(2), ['lobby m1 a', 'lobby m2 b'])
})

test('where the server counts, one goes after the other', () => {
  const { outbox, sent } = open()
  outbox.limits = { underWay: 64, messagesPerSecond: 5 }
  outbox.add(LOBBY, 'a')
  outbox.add(LOBBY, 'b')
  assert.deepEqual(sent, ['lobby m1 a'])
  outbox.settle(LOBBY.key, 'm1', ANN.id)
  assert.deepEqual(sent, ['lobby m1 a', 'lobby m2 b'])
})

test('what never works fails, also after a reload, and is sent under another id, or discarded', () => {
  const { outbox, sent, states, storage } = open()
  outbox.add(LOBBY, 'a')
  outbox.add(LOBBY, 'b')
  outbox.refuse(undefined, 'm1', 'No.', false)
  outbox.refuse(LOBBY.key, 'm2', 'No.', false)
  assert.deepEqual(states(), ['a:failed', 'b:failed'])
  const later = setUp({ storage, ids: 2 })
  later.outbox.restore(ANN, later.store)
  later.outbox.become(ANN, later.store)
  later.outbox.open(LOBBY.key)
  assert.deepEqual([later.states(), later.sent], [['a:failed', 'b:failed'], []])
  outbox.retry('m1')
  assert.deepEqual(states(), ['b:failed', 'a:sending'])
  assert.equal(sent.at(-1), 'lobby m3 a')
  outbox.discard('m2')
  assert.deepEqual(states(), ['a:sending'])
  outbox.discard('m3')
  assert.deepEqual(states(), ['a:sending'], 'on its way: who knows whether it is stored')
})

test('as somebody else nothing is sent by itself, and what was stored after all is settled', () => {
  const { outbox, sent, states, store, storage } = open()
  outbox.add(LOBBY, 'a')
  outbox.add(OTHER, 'b')
  outbox.closeAll()
  const other = { id: 'u-ann-2', name: 'Ann' }
  outbox.become(other, store)
  outbox.open(LOBBY.key)
  outbox.open(OTHER.key)
  assert.deepEqual([states(), states(OTHER)], [['a:failed'], ['b:failed']])
  assert.equal(sent.length, 1)
  assert.equal(store.messages(ANN.id).length, 0)
  assert.equal(store.messages(other.id).length, 2)
  assert.equal(outbox.settle(LOBBY.key, 'm1', other.id), null)
  assert.equal(outbox.settle(LOBBY.key, 'm1', ANN.id).text, 'a')
  outbox.retry('m2')
  assert.equal(outbox.settle(OTHER.key, 'm3', other.id).text, 'b')
  assert.equal(storage.length, 0)
})

test('it is bounded', () => {
  const { outbox, store } = setUp()
  outbox.become(ANN, store)
  for (let i = 0; i < MOST; i += 1) assert.ok(outbox.add(LOBBY, `${i}`))
  assert.equal(outbox.add(LOBBY, 'one more'), null)
  outbox.discard('m1')
  assert.ok(outbox.add(LOBBY, 'one more'))
})

test('a storage that is full, forbidden, or not there costs nothing else', () => {
  const full = new FakeStorage()
  full.isFull = true
  const broken = {
    get length() {
      throw new Error('SecurityError')
    },
  }
  for (const storage of [full, broken, null]) {
    const { outbox, sent, store } = setUp({ storage })
    outbox.restore(ANN, store)
    outbox.become(ANN, store)
    outbox.add(LOBBY, 'a')
    outbox.open(LOBBY.key)
    outbox.settle(LOBBY.key, 'm1', ANN.id)
    assert.deepEqual([sent, outbox.size], [['lobby m1 a'], 0])
  }
})

test('another tab of the same user can settle and discard', () => {
  const { outbox, states, store, storage } = setUp()
  outbox.become(ANN, store)
  outbox.add(LOBBY, 'a')
  const [entry] = storage.entries.keys()
  assert.equal(store.messageIdOf(ANN.id, entry), 'm1')
  assert.equal(store.messageIdOf('somebody', entry), null)
  outbox.forget('m1')
  assert.deepEqual(states(), [])
})
