// When a room that could not be joined again is tried once more.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Rejoins } from '../src/client/rejoins.js'
import { FakeClock } from './fakes.js'

const LOBBY = { key: 'lobby' }

const setUp = () => {
  const clock = new FakeClock()
  const tried = []
  const environment = { ...clock, random: () => 1 }
  const rejoins = new Rejoins(environment, ({ key }) => tried.push([key, clock.now()]))
  return { clock, rejoins, tried }
}

// How long it takes until the next try.
const wait = ({ clock, tried }) => {
  const before = clock.now()
  tried.length = 0
  clock.advance(3600000)
  assert.equal(tried.length, 1)
  return tried[0][1] - before
}

test('a room is tried later and later, up to a limit, until it has been joined', () => {
  const at = setUp()
  const waits = Array.from({ length: 12 }, () => {
    at.rejoins.later(LOBBY)
    return wait(at)
  })
  for (let i = 1; i < 4; i++) assert.ok(waits[i] > waits[i - 1], waits.join())
  assert.equal(waits[11], waits[10])
  at.rejoins.forget(LOBBY)
  at.rejoins.later(LOBBY)
  assert.equal(wait(at), waits[0])
})

test('what is tried in between is not tried twice, and the next time is later still', () => {
  const at = setUp()
  at.rejoins.later(LOBBY)
  const first = wait(at)
  at.rejoins.later(LOBBY)
  at.rejoins.begun(LOBBY)
  assert.equal(at.clock.pending, 0)
  at.rejoins.later(LOBBY)
  at.rejoins.later(LOBBY)
  assert.ok(wait(at) > first)
})

test('each room has its own time, and an end leaves no timer behind', () => {
  const { clock, rejoins, tried } = setUp()
  rejoins.later(LOBBY)
  rejoins.later({ key: 'other' })
  assert.equal(clock.pending, 2)
  rejoins.forget(LOBBY)
  clock.advance(60000)
  assert.deepEqual(
    tried.map(([key]) => key),
    ['other'],
  )
  rejoins.later(LOBBY)
  rejoins.clear()
  assert.equal(clock.pending, 0)
})
