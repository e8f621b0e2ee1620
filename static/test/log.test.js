import assert from 'node:assert/strict'
import test from 'node:test'
import { HELD, KEPT, Log, SLACK } from '../src/client/log.js'

const BOB = { id: 'u-bob', name: 'Bob' }
const one = (seq, text = `${seq}`) => ({
  key: `m${seq}`,
  kind: 'message',
  seq,
  text,
  sender: BOB,
  ts: seq,
})
const some = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => one(from + i))
const edit = (seq, of, text) => ({ kind: 'edit', seq, of, text, sender: BOB, ts: seq })
const remove = (seq, of) => ({ kind: 'delete', seq, of, text: '', sender: BOB, ts: seq })
const wording = ({ items }) =>
  items
    .filter(({ kind }) => kind === 'message')
    .map(({ seq, text, edited = 0, deleted = 0 }) => `${seq} ${text} ${edited} ${deleted}`)
const shape = ({ items }) =>
  items.map(({ kind, seq, text, after, before }) =>
    kind === 'gap' ? `${after}..${before}` : kind === 'notice' ? text : seq,
  )

function fill(from, to) {
  const log = new Log()
  log.begin(from - 1)
  for (const message of some(from, to)) log.deliver(message)
  return log
}

test('each number once, whatever is repeated', () => {
  const log = fill(3, 5)
  assert.equal(log.deliver(one(4)), false)
  assert.equal(log.deliver(one(6)), true)
  assert.deepEqual(shape(log), [3, 4, 5, 6])
  assert.deepEqual([log.from, log.last, log.older], [3, 6, true])
})

test('what is between two times is a gap, which is filled from either side', () => {
  const log = fill(1, 3)
  log.notice('Bob left the room', 1)
  log.resume(9)
  log.deliver(one(10))
  assert.deepEqual(shape(log), [1, 2, 3, 'Bob left the room', '3..10', 10])
  const { key, count } = log.items[4]
  assert.equal(count, 6)
  log.addToGap(key, { before: 10 }, some(8, 9), true)
  assert.deepEqual(shape(log), [1, 2, 3, 'Bob left the room', '3..8', 8, 9, 10])
  log.addToGap(key, { after: 3 }, some(4, 5), true)
  assert.deepEqual(shape(log), [1, 2, 3, 'Bob left the room', 4, 5, '5..8', 8, 9, 10])
  log.addToGap(key, { after: 5 }, some(6, 9), true)
  assert.deepEqual(shape(log), [1, 2, 3, 'Bob left the room', 4, 5, 6, 7, 8, 9, 10])
})

test('a gap of which the server knows nothing is none', () => {
  const log = fill(1, 1)
  log.resume(5)
  log.addToGap(log.items[1].key, { before: 6 }, [], false)
  assert.deepEqual(shape(log), [1])
})

test('an answer about a place that has moved is dropped', () => {
  const log = fill(10, 12)
  log.addOlder({ before: 9 }, some(1, 8), false)
  assert.deepEqual(shape(log), [10, 11, 12])
  log.addOlder({ before: 10 }, some(8, 9), true)
  log.addOlder({ before: 10 }, some(8, 9), false)
  assert.deepEqual(shape(log), [8, 9, 10, 11, 12])
  assert.deepEqual([log.from, log.older], [8, true])
  log.addOlder({ before: 8 }, some(1, 7), false)
  assert.deepEqual([log.from, log.older], [1, false])
})

test('one of mine that is acknowledged stands where it will be delivered', () => {
  const log = fill(1, 1)
  log.acknowledge(one(3))
  assert.deepEqual(shape(log), [1, 3])
  assert.equal(log.last, 1)
  assert.equal(log.deliver(one(2)), true)
  assert.equal(log.deliver(one(3)), true, 'it is news: nobody was told yet')
  assert.equal(log.deliver(one(3)), false)
  assert.deepEqual(shape(log), [1, 2, 3])
})

test('one of mine that is acknowledged is not put into what is not here', () => {
  const log = fill(5, 6)
  log.resume(9)
  log.acknowledge(one(8))
  log.acknowledge(one(2))
  assert.deepEqual(shape(log), [5, 6, '6..10'])
})

test('what was acknowledged before the loss is not missing', () => {
  const log = fill(1, 1)
  log.acknowledge(one(2))
  log.resume(2)
  log.deliver(one(3))
  assert.deepEqual(shape(log), [1, 2, 3])
})

test('an instance that is behind repeats a few, and nothing moves', () => {
  const log = fill(1, 5)
  log.resume(3)
  assert.deepEqual(
    [log.deliver(one(4)), log.deliver(one(5)), log.deliver(one(6))],
    [false, false, true],
  )
  assert.deepEqual(shape(log), [1, 2, 3, 4, 5, 6])
})

test('a server with an older database has the last word', () => {
  const log = fill(1, 5)
  log.resume(3)
  assert.equal(log.deliver(one(4, 'another')), true)
  assert.deepEqual(
    log.items.map(({ text }) => text),
    ['1', '2', '3', 'another', '5'],
  )
  const fresh = fill(100, 105)
  fresh.resume(2)
  assert.deepEqual([shape(fresh), fresh.from, fresh.last], [[], 3, 2])
})

test('at the newest the oldest are dropped, and can be loaded again', () => {
  const log = fill(1, 3 * KEPT)
  assert.equal(log.trim(null, true), true)
  assert.equal(log.items.length, KEPT)
  assert.deepEqual([log.from, log.older, log.trimmed], [2 * KEPT + 1, true, true])
  assert.equal(log.trim(null, true), false)
  for (const message of some(3 * KEPT + 1, 3 * KEPT + SLACK)) log.deliver(message)
  assert.equal(log.trim(null, true), false)
  log.addOlder({ before: log.from }, some(log.from - 50, log.from - 1), true)
  assert.equal(log.from, 2 * KEPT - 49)
})

test('for who reads older ones a hole is cut on the other side, and it is a gap', () => {
  const log = fill(1, HELD + SLACK + 1)
  log.trim(10, true)
  assert.equal(log.from, 1)
  const at = log.items.findIndex(({ kind }) => kind === 'gap')
  const gap = log.items[at]
  assert.equal(gap.after, log.items[at - 1].seq)
  assert.equal(gap.before, log.items[at + 1].seq)
  assert.equal(log.items.length, HELD + 1)
  // A second hole beside the first one becomes one with it.
  for (const message of some(log.last + 1, log.last + 2 * SLACK)) log.deliver(message)
  log.trim(10, true)
  assert.equal(log.items.filter(({ kind }) => kind === 'gap').length, 1)
  log.trim(log.last - 10, true)
  assert.equal(log.from, 1, 'nothing to do')
})

test('what is dropped along with a gap leaves no hole behind', () => {
  const log = fill(1, 10)
  log.resume(100)
  for (const message of some(101, 100 + KEPT + SLACK)) log.deliver(message)
  log.trim(null, true)
  assert.equal(log.items.length, KEPT)
  assert.equal(log.from, log.items[0].seq)
})

test('an edit and a delete take a number, and change what they are about', () => {
  const log = fill(1, 2)
  assert.equal(log.deliverChange(edit(3, 1, 'better')), true)
  assert.equal(log.deliverChange(edit(3, 1, 'better')), false)
  assert.equal(log.deliverChange(remove(4, 2)), true)
  assert.equal(log.deliver(one(5)), true)
  assert.deepEqual(wording(log), ['1 better 3 0', '2  0 4', '5 5 0 0'])
  assert.deepEqual([shape(log), log.last], [[1, 2, 5], 5])
})

test('of several changes the last one counts, in whichever order they are read', () => {
  const log = fill(1, 1)
  log.change(edit(4, 1, 'last'))
  log.deliverChange(edit(2, 1, 'first'))
  assert.deepEqual(wording(log), ['1 last 4 0'])
  log.change(remove(5, 1))
  log.change(edit(4, 1, 'last'))
  assert.deepEqual(wording(log), ['1  4 5'])
})

test('an edit of what was deleted since has no text, and its delete follows', () => {
  const log = fill(1, 1)
  log.deliverChange(edit(2, 1, ''))
  assert.deepEqual(wording(log), ['1 1 0 0'])
  log.deliverChange(remove(3, 1))
  assert.deepEqual(wording(log), ['1  0 3'])
})

test('a page that was read before a change and comes after it is changed all the same', () => {
  const log = fill(10, 10)
  log.deliverChange(edit(11, 8, 'better'))
  log.deliverChange(remove(12, 9))
  log.addOlder({ before: 10 }, some(8, 9), true)
  assert.deepEqual(wording(log), ['8 better 11 0', '9  0 12', '10 10 0 0'])
})

test('a page that was read after a change is not changed back', () => {
  const log = fill(10, 10)
  log.deliverChange(edit(11, 9, 'first'))
  log.addOlder({ before: 10 }, [{ ...one(9, 'second'), edited: 12 }], true)
  assert.deepEqual(wording(log)[0], '9 second 12 0')
})

test('what a page of the past changes stands outside of it, too', () => {
  const log = fill(1, 2)
  log.resume(9)
  log.deliver(one(10))
  const { key } = log.items[2]
  log.addToGap(key, { after: 2 }, [one(3), edit(4, 1, 'better'), remove(5, 3)], true)
  assert.deepEqual(wording(log), ['1 better 4 0', '2 2 0 0', '3  0 5', '10 10 0 0'])
  assert.deepEqual(shape(log), [1, 2, 3, '5..10', 10])
})

test('a change that is repeated along with its message is no news, and stays', () => {
  const log = fill(1, 1)
  log.deliverChange(edit(2, 1, 'better'))
  log.resume(0)
  assert.equal(log.deliver({ ...one(1, 'better'), edited: 2 }), false)
  assert.deepEqual(wording(log), ['1 better 2 0'])
  // Read anew it has one more change, of which nobody told yet.
  log.resume(0)
  assert.equal(log.deliver({ ...one(1, 'best'), edited: 3 }), false)
  log.deliverChange(edit(2, 1, 'better'))
  assert.deepEqual(wording(log), ['1 best 3 0'])
})

test('changes that a server with an older database knows nothing of are forgotten', () => {
  const log = fill(5, 5)
  log.deliverChange(edit(7, 4, 'never said'))
  log.resume(5)
  log.addOlder({ before: 5 }, [one(4)], true)
  assert.deepEqual(wording(log), ['4 4 0 0', '5 5 0 0'])
})
