import assert from 'node:assert/strict'
import test from 'node:test'
import { count, nameProblem } from '../src/chat/text.js'
import { byteLength, cleanText } from '../src/client/index.js'

test('lengths are those of UTF-8', () => {
  assert.equal(byteLength('aé€😀'), 1 + 2 + 3 + 4)
})

test('half a character and NUL are taken out, whole characters stay', () => {
  assert.equal(cleanText('a\ud83d b\0 😀'), 'a\ufffd b 😀')
})

test('names are held to what the server takes', () => {
  assert.equal(nameProblem(' Ann ', 64), '')
  assert.equal(nameProblem('é'.repeat(32), 64), '')
  assert.match(nameProblem('é'.repeat(33), 64), /too long/)
  assert.match(nameProblem('  ', 64), /enter a name/)
  assert.match(nameProblem('a\u0007b', 64), /control/)
})

test('counts have their words', () => {
  assert.equal(count(1, 'message', 'messages'), '1 message')
  assert.equal(count(1200, 'message', 'messages'), '1,200 messages')
})
