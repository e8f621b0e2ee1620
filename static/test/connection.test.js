import assert from 'node:assert/strict'
import test from 'node:test'
import { Connection, backoff } from '../src/client/connection.js'
import { FakeClock, FakeSocket } from './fakes.js'

function setUp(random = () => 1) {
  const clock = new FakeClock()
  const sockets = []
  const phases = []
  const documents = []
  const createSocket = (url) => sockets[sockets.push(new FakeSocket(url)) - 1]
  const connection = new Connection(
    { documents: (list) => documents.push(...list), change: (change) => phases.push(change) },
    { ...clock, createSocket, random },
  )
  const last = () => sockets[sockets.length - 1]
  const phase = () => phases[phases.length - 1]
  const accept = () => {
    last().accept()
    connection.confirm()
  }
  return { accept, clock, sockets, phases, documents, connection, last, phase }
}

test('the pause doubles up to a cap, and chance has all of it', () => {
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => backoff(n, () => 1)),
    [1250, 2250, 4250, 8250],
  )
  assert.equal(
    backoff(50, () => 1),
    30250,
  )
  assert.equal(
    backoff(9, () => 0),
    250,
  )
})

test('opens, reads documents and sends', () => {
  const { accept, connection, documents, last, phase } = setUp()
  connection.open(() => 'ws://x')
  assert.equal(phase().phase, 'connecting')
  assert.equal(connection.send({ a: 1 }), false)
  last().accept()
  assert.equal(phase().phase, 'connecting') // an open socket alone means little
  connection.confirm()
  assert.equal(phase().phase, 'connected')
  last().say({ action: 'x' }, { action: 'y' })
  assert.equal(documents.length, 2)
  assert.equal(connection.send({ a: 1 }), true)
  assert.deepEqual(last().sent, [{ a: 1 }])
})

test('comes back after a pause that grows until a connection has lasted', () => {
  const { accept, clock, connection, last, phase, sockets } = setUp()
  connection.open(() => 'ws://x')
  for (const pause of [1250, 2250, 4250]) {
    accept()
    clock.advance(9000) // not long enough to count
    last().lose()
    assert.equal(phase().phase, 'waiting')
    assert.equal(phase().retryAt, clock.now() + pause)
    const before = sockets.length
    clock.advance(pause - 1)
    assert.equal(sockets.length, before)
    clock.advance(1)
    assert.equal(sockets.length, before + 1)
  }
  accept()
  clock.advance(10000)
  last().lose()
  assert.equal(phase().retryAt, clock.now() + 1250)
})

test('a server that restarts says when to come back', () => {
  const { accept, clock, connection, last, phase } = setUp()
  connection.open(() => 'ws://x')
  accept()
  last().lose(1012, 'restart; retry-ms=77')
  assert.equal(phase().retryAt, clock.now() + 77)
  assert.match(phase().why, /restarting/)
  clock.advance(77)
  last().lose()
  assert.match(phase().why, /restarting/) // still why one is offline
  assert.equal(phase().retryAt, clock.now() + 2250)
})

test('what the page itself broke is not tried again by itself, but by the person', () => {
  const { accept, clock, connection, last, phase, sockets } = setUp()
  connection.open(() => 'ws://x')
  accept()
  last().lose(1002)
  assert.equal(phase().phase, 'refused')
  clock.advance(100000)
  assert.equal(sockets.length, 1)
  connection.reconnectNow()
  assert.equal(sockets.length, 2)
})

test('reconnecting now does not wait, and does it once', () => {
  const { accept, clock, connection, last, sockets } = setUp()
  connection.open(() => 'ws://x')
  last().lose()
  connection.reconnectNow()
  assert.equal(sockets.length, 2)
  accept()
  clock.advance(100000)
  assert.equal(sockets.length, 2)
})

test('a connect without an answer is given up', () => {
  const { accept, clock, connection, last, phase } = setUp()
  connection.open(() => 'ws://x')
  const first = last()
  clock.advance(15000)
  assert.equal(phase().phase, 'waiting')
  assert.equal(first.closed, true)
  first.accept() // too late: it is not ours any more
  assert.equal(phase().phase, 'waiting')
})

test('closing is final', () => {
  const { accept, clock, connection, last, phase, sockets } = setUp()
  connection.open(() => 'ws://x')
  accept()
  connection.close()
  last().lose()
  clock.advance(100000)
  assert.equal(phase().phase, 'closed')
  assert.equal(sockets.length, 1)
  connection.giveUp('nothing to give up')
  assert.equal(phase().phase, 'closed')
})

test('a server that takes the socket and says nothing is given up', () => {
  const { clock, connection, last, phase } = setUp()
  connection.open(() => 'ws://x')
  last().accept()
  clock.advance(15000)
  assert.equal(phase().phase, 'waiting')
})

test('the address is asked for each time', () => {
  const { clock, connection, sockets } = setUp()
  let times = 0
  connection.open(() => `ws://x/${(times += 1)}`)
  sockets[0].lose()
  clock.advance(2000)
  assert.deepEqual(
    sockets.map(({ url }) => url),
    ['ws://x/1', 'ws://x/2'],
  )
})
