import assert from 'node:assert/strict'
import test from 'node:test'
import { Roster } from '../src/chat/roster.js'

const user = (name, id = name) => ({ id, name })
const joins = (...users) => users.map((one) => ({ user: one, online: true }))
const leaves = (...users) => users.map((one) => ({ user: one, online: false }))
const names = (roster, text = '') => roster.matching(text).map(({ name }) => name)

test('is in the order of the names, whatever the order of coming', () => {
  const roster = new Roster()
  roster.apply(
    joins(user('bob'), user('Zoe'), user('Ann'), user('éva'), user('person 10'), user('person 9')),
  )
  assert.deepEqual(names(roster), ['Ann', 'bob', 'éva', 'person 9', 'person 10', 'Zoe'])
  roster.apply(joins(user('Carl')))
  assert.deepEqual(names(roster), ['Ann', 'bob', 'Carl', 'éva', 'person 9', 'person 10', 'Zoe'])
})

test('those who share a name are told apart', () => {
  const roster = new Roster()
  roster.apply(joins(user('Ann', '2'), user('Ann', '1'), user('Ann', '3')))
  roster.apply(leaves(user('Ann', '2')))
  assert.deepEqual(
    roster.matching('').map(({ id }) => id),
    ['1', '3'],
  )
})

test('coming twice counts once; leaving unknown counts nothing', () => {
  const roster = new Roster()
  roster.apply([...joins(user('Ann'), user('Ann')), ...leaves(user('Bob'))])
  assert.equal(roster.size, 1)
  assert.deepEqual(names(roster), ['Ann'])
})

test('coming and leaving in one go, also among many', () => {
  const roster = new Roster()
  const many = Array.from({ length: 100 }, (_, i) => user(`p${i}`))
  roster.apply([...joins(...many), ...leaves(many[5], many[50])])
  assert.equal(roster.size, 98)
  assert.equal(names(roster).length, 98)
  assert.equal(names(roster).includes('p50'), false)
})

test('finds by a part of the name', () => {
  const roster = new Roster()
  roster.apply(joins(user('Ann Lee'), user('Bob'), user('Joanne')))
  assert.deepEqual(names(roster, ' ANN'), ['Ann Lee', 'Joanne'])
})

test('10,000 people, and then one by one, take no noticeable time', () => {
  const roster = new Roster()
  const many = Array.from({ length: 10000 }, (_, i) => user(`Person ${(i * 7919) % 10000}`))
  roster.apply(joins(...many))
  for (const one of many.slice(0, 5000)) roster.apply(leaves(one))
  for (const one of many.slice(0, 5000)) roster.apply(joins(one))
  const sorted = names(roster)
  assert.equal(sorted.length, 10000)
  assert.equal(sorted[9999], 'Person 9999')
})
