import assert from 'node:assert/strict'
import test from 'node:test'
import { readClose, readDocuments, request, socketUrl } from '../src/chat/protocol.js'

test('several documents in one message, and what cannot be read is skipped', () => {
  const text =
    '{"action":"a"}\n\n{"action":"b","message":"x\\ny"}\r\nnot json\n{"no":1}\nnull\n{"action":"c"}'
  assert.deepEqual(
    readDocuments(text).map(({ action }) => action),
    ['a', 'b', 'c'],
  )
  assert.equal(readDocuments(text)[1].message, 'x\ny')
})

test('the socket is as safe as the page, and the name is escaped', () => {
  const plain = { protocol: 'http:', host: 'chat.example:8080' }
  const safe = { protocol: 'https:', host: 'chat.example' }
  assert.equal(
    socketUrl(plain, 'Ann & Bob?#'),
    'ws://chat.example:8080/ws?name=Ann%20%26%20Bob%3F%23',
  )
  assert.equal(socketUrl(safe, 'é'), 'wss://chat.example/ws?name=%C3%A9')
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
