// Accounts: what goes over HTTP, and what the client and the page make of it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Account } from '../src/chat/account.js'
import { Api } from '../src/client/index.js'
import { ANN, BOB, joined, message, setUp, setUpClient, settled, welcome } from './stage.js'

// A server that gives the answers in turn: {status, body, headers}, or an Error.
function fakeFetch(...answers) {
  const asked = []
  const fetch = async (url, { method, body, headers }) => {
    asked.push({ url, method, body: body && JSON.parse(body), type: headers['Content-Type'] })
    const next = answers.shift()
    if (next instanceof Error) throw next
    const { status = 200, body: document = null, headers: more = {} } = next
    return {
      status,
      ok: status < 300,
      json: async () => (document === null ? JSON.parse('') : document),
      headers: { get: (name) => more[name] ?? null },
    }
  }
  const waits = []
  const wait = async (ms) => waits.push(ms)
  return { asked, waits, api: new Api('https://here/', fetch, wait) }
}

const account = (user = ANN, admin) => ({
  ...welcome(user),
  token: undefined,
  user: { ...user, account: true },
  admin,
})

// Ann, signed in on a page.
function signedIn(...answers) {
  const stage = setUp()
  stage.chat.signOut()
  const { asked, api } = fakeFetch({ body: { user: ANN, admin: false } }, ...answers)
  const person = new Account(stage.state, stage.chat, api)
  stage.chat.onWaiting = () => person.check()
  const enter = async () => {
    await person.login('Ann', 'correct horse')
    stage.socket().accept()
    stage.socket().say(account())
  }
  return { ...stage, asked, person, enter }
}

test('requests are JSON, and the cookie is asked for instead of the token', async () => {
  const { asked, api } = fakeFetch(
    { status: 201, body: { user: ANN, admin: true } },
    { body: { user: ANN, admin: false } },
    { status: 204 },
    { status: 204 },
  )
  assert.deepEqual(await api.register('Ann', 'correct horse', 'abc'), { user: ANN, admin: true })
  await api.login('Ann', 'correct horse')
  assert.equal(await api.logout(), null)
  await api.revoke('7/8')
  const json = 'application/json'
  const fields = { username: 'Ann', password: 'correct horse', cookie: true }
  assert.deepEqual(asked, [
    {
      url: 'https://here/api/register',
      method: 'POST',
      body: { ...fields, invitation: 'abc' },
      type: json,
    },
    { url: 'https://here/api/login', method: 'POST', body: fields, type: json },
    { url: 'https://here/api/logout', method: 'POST', body: {}, type: json },
    { url: 'https://here/api/sessions/7%2F8', method: 'DELETE', body: undefined, type: undefined },
  ])
})

test('a server that is busy is asked again in a while, but not for ever', async () => {
  const busy = { status: 503, body: { code: 'busy', message: 'Busy.' } }
  const soon = { ...busy, headers: { 'retry-after': '2' } }
  const done = { status: 200, body: { user: ANN } }
  const { api, asked, waits } = fakeFetch(soon, soon, busy, done, ...Array(7).fill(soon))
  assert.deepEqual(await api.login('Ann', 'x'), { user: ANN })
  assert.equal(asked.length, 4)
  const isAbout = (ms, usual) => ms >= usual / 2 && ms <= 1.5 * usual
  assert.ok(isAbout(waits[0], 2000) && isAbout(waits[2], 5000), waits.join())
  await assert.rejects(api.login('Ann', 'x'), { code: 'busy' })
  assert.equal(asked.length, 4 + 6)
})

test('what a server could not do for another reason is not asked again by itself', async () => {
  const { api, asked } = fakeFetch({ status: 503, body: { code: 'unavailable', message: 'No.' } })
  await assert.rejects(api.login('Ann', 'x'), { code: 'unavailable' })
  assert.equal(asked.length, 1)
})

test('what is refused says why, and when to try again', async () => {
  const { api } = fakeFetch(
    { status: 401, body: { code: 'bad-login', message: 'No.' } },
    {
      status: 429,
      body: { code: 'rate-limited', message: 'Slowly.' },
      headers: { 'retry-after': '30' },
    },
    { status: 502 },
    new TypeError('Failed to fetch'),
  )
  const refusal = (status, code, words) => ({ status, code, message: words })
  await assert.rejects(api.login('Ann', 'x'), refusal(401, 'bad-login', 'No.'))
  await assert.rejects(
    api.login('Ann', 'x'),
    refusal(429, 'rate-limited', 'Slowly. Try again in 30 s.'),
  )
  await assert.rejects(api.login('Ann', 'x'), refusal(502, '', 'The server refused this.'))
  await assert.rejects(
    api.login('Ann', 'x'),
    refusal(0, 'offline', 'The server cannot be reached.'),
  )
})

test('who is banned for some time is told until when', async () => {
  const banned = (more) => ({ status: 403, body: { code: 'banned', message: 'No.', ...more } })
  const { state, chat } = setUp()
  const { api } = fakeFetch(banned({ until: Date.now() + 60000 }), banned())
  const person = new Account(state, chat, api)
  await assert.rejects(person.login('Ann', 'x'), /^Error: You are banned from this server until .+\.$/)
  await assert.rejects(person.login('Ann', 'x'), /^Error: You are banned from this server\.$/)
})

test('whoever signs in comes with the cookie, and keeps no secret', async () => {
  const { enter, state, socket, storage, client } = signedIn()
  await enter()
  assert.equal(socket().url, 'ws://here/ws')
  assert.deepEqual([state.me.id, state.isAccount, state.phase], [ANN.id, true, 'connected'])
  assert.deepEqual(client.account, ANN)
  assert.doesNotMatch(JSON.stringify([...storage.entries]), /token|horse/)
})

test('rooms, and what waits to be sent, are there again on the next page', async () => {
  const before = setUpClient()
  before.client.connectAccount(ANN)
  before.socket().accept()
  before.socket().say(account())
  before.client.join('lobby')
  before.socket().say(joined('lobby'), message('lobby', 1, BOB, 'hi'))
  before.socket().lose()
  before.client.rooms[0].send('offline')
  before.client.save()
  before.client.disconnect()
  const { client } = setUpClient({ storage: before.storage })
  client.connectAccount(client.account)
  assert.deepEqual(
    client.rooms.map(({ name, items }) => [name, items.map(({ text }) => text)]),
    [['lobby', ['offline']]],
  )
})

test('who is an admin is told by the server', () => {
  const { client, socket } = setUpClient()
  client.connectAccount(ANN)
  socket().accept()
  socket().say(account(ANN, true))
  assert.deepEqual([client.isAdmin, client.isAccount], [true, true])
})

test('signing out ends the session, and leaves nothing behind', async () => {
  const { enter, person, state, asked, storage, socket } = signedIn({ status: 204 })
  await enter()
  const last = socket()
  await person.signOut()
  assert.equal(asked.at(-1).url, 'https://here/api/logout')
  assert.deepEqual([last.closed, state.me, state.isAccount, storage.length], [true, null, false, 0])
  assert.equal(state.signInProblem, '')
})

test('a guest has no session to end', async () => {
  const { person, asked, state } = signedIn()
  state.isAccount = false
  await person.signOut()
  assert.deepEqual(asked, [])
})

test('when the server could not be told, the person is', async () => {
  const { enter, person, state } = signedIn(new TypeError('Failed to fetch'))
  await enter()
  await person.signOut()
  assert.match(state.signInProblem, /could not be told/)
})

test('a session that was ended elsewhere leads to the form, and what waits is kept', async () => {
  const { enter, state, socket, storage, chat, client } = signedIn()
  await enter()
  chat.join('lobby')
  socket().say(joined('lobby'))
  await settled()
  chat.send(state.current, 'on its way')
  socket().lose(1008, 'session-revoked')
  assert.deepEqual([state.me, state.phase, client.account], [null, 'closed', null])
  assert.match(state.signInProblem, /signed out/)
  assert.ok(storage.length > 0)
  client.connectAccount(ANN)
  assert.equal(client.waiting, 1)
})

test('a session that ran out is found out, as the browser does not tell', async () => {
  const { enter, state, socket, clock, asked } = signedIn(
    new TypeError('Failed to fetch'),
    { body: { user: ANN, account: true, sessions: [] } },
    { status: 401, body: { code: 'bad-token', message: 'No.' } },
  )
  await enter()
  for (const expected of [ANN.id, ANN.id, undefined]) {
    socket().lose()
    await settled()
    assert.equal(state.me?.id, expected)
    clock.advance(40000)
  }
  assert.equal(asked.filter(({ url }) => url.endsWith('/me')).length, 3)
  assert.match(state.signInProblem, /ended/)
})

test('who was banned while away is told so', async () => {
  const banned = { status: 403, body: { code: 'banned', message: 'You are banned.' } }
  const { enter, state, socket } = signedIn(banned)
  await enter()
  socket().lose()
  await settled()
  assert.deepEqual([state.me, state.signInProblem], [null, 'You are banned.'])
})

test('an admin makes a link, and others are refused', async () => {
  const { state } = signedIn()
  const { api, asked } = fakeFetch(
    { status: 201, body: { invitation: 'x', path: '/?invitation=x', uses: 1 } },
    { status: 403, body: { code: 'forbidden', message: 'No.' } },
  )
  const person = new Account(state, null, api)
  assert.equal(await person.invite(), '/?invitation=x')
  assert.deepEqual(asked[0].body, { uses: 1, expiresIn: 604800 })
  await assert.rejects(person.invite(), { code: 'forbidden' })
})

test('a guest is told where guests may not come in any more, and stays who they were', async () => {
  const { chat, client, state, socket } = setUp()
  const config = (auth) => ({ body: { auth, registration: 'open' } })
  const { api } = fakeFetch(config('open'), new TypeError('Failed to fetch'), config('members'))
  const person = new Account(state, chat, api)
  for (const expected of [ANN.id, ANN.id, undefined]) {
    socket().lose()
    await person.check()
    assert.equal(state.me?.id, expected)
    chat.reconnectNow()
  }
  assert.match(state.signInProblem, /account/)
  assert.deepEqual([client.phase, client.remembers('Ann')], ['closed', true])
})

test('a guest whose name somebody registers has to choose another one', () => {
  const { state, socket, client } = setUp()
  socket().lose(1008, 'name-taken')
  assert.equal(state.me, null)
  assert.match(state.signInProblem, /registered/)
  assert.equal(client.remembers('Ann'), false)
})

test('what the server offers is known, and everything where it is not to be known', async () => {
  const { state, person } = signedIn()
  const known = new Account(
    state,
    null,
    fakeFetch({ body: { auth: 'members', registration: 'invite', version: '1' } }).api,
  )
  await known.loadConfig()
  assert.deepEqual(state.config, { auth: 'members', registration: 'invite' })
  state.config = null
  const unknown = new Account(state, null, fakeFetch(new TypeError('Failed to fetch')).api)
  await unknown.loadConfig()
  assert.deepEqual(state.config, { auth: 'open', registration: 'open' })
  await person.signOut()
})

test('a sign-in that follows a sign-out does not lose its cookie to it', async () => {
  let answer
  const order = []
  const slow = async (url) => {
    order.push(url.split('/').at(-1))
    if (url.endsWith('logout')) await new Promise((resume) => (answer = resume))
    return { ok: true, status: 200, json: async () => ({ user: ANN }), headers: new Map() }
  }
  const { chat, state } = setUp()
  const person = new Account(state, chat, new Api('https://here/', slow))
  await person.login('Ann', 'x')
  person.signOut()
  const again = person.login('Ann', 'x')
  await settled()
  assert.deepEqual(order, ['login', 'logout'])
  answer()
  await again
  assert.deepEqual(order, ['login', 'logout', 'login'])
})
