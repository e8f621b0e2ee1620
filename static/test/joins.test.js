import assert from 'node:assert/strict'
import test from 'node:test'
import { Joins } from '../src/client/joins.js'

function setUp() {
  const sent = []
  const refused = []
  const joins = new Joins({
    now: () => 0,
    send: ({ what }) => sent.push(what),
    refused: (entry, error) => refused.push(`${entry?.what ?? 'none'}: ${error}`),
  })
  const add = (...names) => names.forEach((what) => joins.add({ kind: 'room', what }))
  return { joins, sent, refused, add }
}

test('all are asked for at once, and answered in any order', () => {
  const { joins, sent, add } = setUp()
  add('a', 'b', 'c')
  joins.add({ kind: 'private', what: 'u' })
  assert.deepEqual(sent, ['a', 'b', 'c', 'u'])
  assert.equal(joins.succeed('room', 'b').what, 'b')
  assert.equal(joins.succeed('room', 'b'), null)
  assert.equal(joins.succeed('private', 'somebody else'), null)
  assert.equal(joins.find('room', 'b'), undefined)
  assert.equal(joins.find('room', 'c').what, 'c')
})

test('an error is about the one that has no other answer', () => {
  const { joins, refused, add } = setUp()
  add('a', 'b', 'c')
  joins.fail('room', 'no')
  joins.succeed('room', 'c')
  assert.deepEqual(refused, [])
  joins.succeed('room', 'a')
  assert.deepEqual(refused, ['b: no'])
})

test('as many errors as joins refuse them all; one more is about none of them', () => {
  const { joins, refused, add } = setUp()
  add('a', 'b')
  joins.fail('room', 'no')
  joins.fail('room', 'nor this')
  joins.fail('room', 'too many')
  assert.deepEqual(refused, ['a: no', 'b: nor this', 'none: too many'])
})

test('not more than the server takes, and none while nobody knows which one is refused', () => {
  const { joins, sent, refused, add } = setUp()
  add(...Array.from({ length: 30 }, (_, i) => `${i}`))
  assert.equal(sent.length, 24)
  joins.succeed('room', '3')
  assert.equal(sent.length, 25)
  joins.fail('room', 'no')
  for (const what of sent.filter((one) => one !== '3' && one !== '7')) joins.succeed('room', what)
  assert.deepEqual(refused, ['7: no'])
  assert.equal(sent.length, 30)
})

test('a connection that goes takes all with it but what a person waits for', () => {
  const { joins, sent, add } = setUp()
  add('a')
  joins.add({ kind: 'room', what: 'b', resolve: () => {} })
  joins.add({ kind: 'room', what: 'c', resolve: () => {}, cancelled: true })
  assert.deepEqual(
    joins.clear().map(({ what }) => what),
    ['b'],
  )
  add('d')
  assert.deepEqual(sent, ['a', 'b', 'c', 'd'])
})
