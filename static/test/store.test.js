import assert from 'node:assert/strict'
import test from 'node:test'
import { Store } from '../src/client/store.js'
import { FakeStorage } from './fakes.js'
import { ANN, BOB } from './stage.js'

const NOW = 1000
const identity = (user, expires = NOW + 1) => ({ token: 't', expires, user })
const room = (name) => ({
  key: `room ${name}`,
  name,
  peer: null,
  id: name,
  last: 1,
  read: 1,
  order: 1,
})

test('a name is who it was, on its own server, until the token runs out', () => {
  const storage = new FakeStorage()
  const store = new Store(storage, 'ws://a/ws')
  store.keepIdentity('Ann', identity(ANN))
  assert.deepEqual(store.identity('Ann', NOW).user, ANN)
  assert.equal(store.identity('Ann', NOW + 1), null)
  assert.equal(store.identity('Bob', NOW), null)
  assert.equal(new Store(storage, 'ws://b/ws').identity('Ann', NOW), null)
  store.forgetIdentity('Ann')
  assert.equal(storage.length, 0)
})

test('what is left of users who do not come back is removed, and of nobody else', () => {
  const storage = new FakeStorage()
  const store = new Store(storage, 'ws://a/ws')
  const other = new Store(storage, 'ws://a/ws2')
  for (const one of [store, other]) {
    one.keepIdentity('Ann', identity(ANN))
    one.keepIdentity('Bob', identity(BOB, NOW))
    for (const { id } of [ANN, BOB, { id: 'unknown' }]) one.keepRoom(id, room('lobby'))
  }
  store.sweep(NOW)
  assert.deepEqual(
    [ANN, BOB, { id: 'unknown' }].map(({ id }) => store.rooms(id).length),
    [1, 0, 0],
  )
  assert.equal(other.rooms(BOB.id).length, 1)
})

test('what cannot be read is not there', () => {
  const storage = new FakeStorage()
  const store = new Store(storage, 'ws://a/ws')
  store.keepRoom(ANN.id, room('good'))
  for (const [at, text] of [
    '',
    '{',
    'null',
    '7',
    '{"key":"x"}',
    '{"key":"x","name":"x","peer":7}',
  ].entries())
    storage.setItem(`chatd ws://a/ws room ${ANN.id} ${at}`, text)
  assert.deepEqual(
    store.rooms(ANN.id).map(({ name }) => name),
    ['good'],
  )
  storage.setItem('chatd ws://a/ws identity Ann', '[]')
  assert.equal(store.identity('Ann', NOW), null)
})
