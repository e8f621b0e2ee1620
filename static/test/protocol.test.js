import assert from 'node:assert/strict'
import test from 'node:test'
import { readClose, readDocuments, request, serverUrl, socketUrl } from '../src/client/protocol.js'

test('several documents in one message, and what cannot be read is skipped', () => {
  const text =
    '{"action":"a"}\n\n{"action":"b","message":"x\\ny"}\r\nnot json\n{"no":1}\nnull\n{"action":"c"}'
  assert.deepEqual(
    readDocuments(text).map(({ action }) => action),
    ['a', 'b', 'c'],
  )
  assert.equal(readDocuments(text)[1].message, 'x\ny')
})

test('the socket is as safe as the page', () => {
  assert.equal(serverUrl({ protocol: 'http:', host: 'here:8080' }), 'ws://here:8080/ws')
  assert.equal(serverUrl({ protocol: 'https:', host: 'here' }), 'wss://here/ws')
})

test('the name is escaped, and the token goes along where there is one', () => {
  assert.equal(socketUrl('ws://x/ws', 'Ann & é?#'), 'ws://x/ws?name=Ann%20%26%20%C3%A9%3F%23')
  assert.equal(socketUrl('ws://x/ws', 'Ann', 'a-b_c'), 'ws://x/ws?name=Ann&bearer=a-b_c')
})

test('messages carry the room and their id', () => {
  assert.deepEqual(request.sendMessage({ id: 'r', name: 'lobby', unread: 3 }, 'hi', 'i1'), {
    action: 'send-message',
    message: 'hi',
    target: { id: 'r', name: 'lobby' },
    id: 'i1',
  })
})

test('closes that say when to come back, and those that say not to', () => {
  assert.equal(readClose(1012, 'restart; retry-ms=1234').afterMs, 1234)
  assert.equal(readClose(1012, 'retry-ms=0').afterMs, 0)
  assert.equal(readClose(1012, 'restart').afterMs, null)
  assert.equal(readClose(1012, 'xretry-ms=5').afterMs, null)
  assert.equal(readClose(1006, 'retry-ms=5').afterMs, null)
  for (const code of [1000, 1001, 1006, 1011, 1012, 1013])
    assert.equal(readClose(code).comeBack, true)
  for (const code of [1002, 1003, 1007, 1009]) assert.equal(readClose(code).comeBack, false)
})

test('who is not let in any more is told why, and does not come back', () => {
  for (const code of ['session-revoked', 'name-taken', 'banned']) {
    const closed = readClose(1008, code)
    assert.deepEqual([closed.comeBack, closed.code], [false, code])
    assert.match(closed.why, /\.$/)
  }
  assert.equal(readClose(1008, 'too many').comeBack, true)
  assert.equal(readClose(1008, 'toString').comeBack, true)
  assert.equal(readClose(1006, 'banned').comeBack, true)
})

test('with the cookie of an account no name goes along', () => {
  assert.equal(socketUrl('ws://x/ws', null), 'ws://x/ws')
})
