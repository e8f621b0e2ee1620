// Whatever breaks, and whenever: in the end everybody has every message once, and in order.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ChatClient } from '../src/client/index.js'
import { FakeClock, FakeStorage } from './fakes.js'
import { FakeServer } from './server.js'

const RUNS = 60
const STEPS = 300

// mulberry32: the same numbers for the same seed.
function chance(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296
  }
}

class Person {
  storage = new FakeStorage()
  said = []
  #ids = 0

  constructor(name, server, clock) {
    Object.assign(this, { name, server, clock })
    this.open()
  }

  // A page is opened: what another one of the same person kept is all that it has.
  open() {
    this.told = []
    this.client = new ChatClient({
      ...this.clock,
      url: 'ws://here/ws',
      storage: this.storage,
      createSocket: (url) => (this.line = this.server.connect(url)),
      random: this.server.random,
      newId: () => `${this.name}-${(this.#ids += 1)}`,
    })
    this.client.on('message', ({ message: { seq } }) => this.told.push(seq))
    this.client.on('change', ({ change: { seq } }) => this.told.push(seq))
    this.client.connect(this.name)
    if (!this.room) this.client.join('lobby')
  }

  get room() {
    return this.client.rooms[0]
  }

  reload() {
    // Now and then without the last second, as when a browser dies.
    if (this.server.random() < 0.5) this.client.save()
    this.line.close()
    this.client.connect = this.client.send = () => assert.fail('the old page is gone')
    this.clock.forget(this.client)
    this.open()
  }

  say() {
    if (!this.room) return
    const text = `${this.name} ${this.said.length}`
    if (this.room.send(text)) this.said.push(text)
  }

  // One of one's own, edited or deleted; it may be refused, or the line may break.
  change() {
    const mine = this.room?.items.filter(
      ({ own, state, deleted }) => own && state === 'sent' && !deleted,
    )
    if (!mine?.length) return
    const { random } = this.server
    const { seq } = mine[Math.floor(random() * mine.length)]
    const changing =
      random() < 0.4 ? this.room.remove(seq) : this.room.edit(seq, `edited ${(this.#ids += 1)}`)
    changing.catch(() => {})
  }

  messages() {
    return this.room.items.filter(({ kind }) => kind === 'message')
  }
}

// A clock whose timers die with the page that set them.
class Clocks extends FakeClock {
  of() {
    const timers = new Set()
    const { now, clearTimeout } = this
    const setTimeout = (act, ms) => {
      const timer = this.setTimeout(act, ms)
      timers.add(timer)
      return timer
    }
    return { now, setTimeout, clearTimeout, forget: () => timers.forEach(clearTimeout) }
  }
}

function run(seed, { refusals, resume }) {
  const random = chance(seed)
  const clock = new Clocks()
  const server = new FakeServer(random, { resume })
  const people = ['Ann', 'Bob', 'Carl'].map((name) => new Person(name, server, clock.of()))
  const any = () => people[Math.floor(random() * people.length)]
  const breaks = [
    [0.25, () => any().say()],
    [0.08, () => any().change()],
    [0.03, () => [...server.lines][0]?.lose()],
    [0.01, () => [...server.lines].forEach((line) => line.lose())],
    [0.01, () => any().reload()],
    [0.02, () => any().room?.loadOlder()],
    [0.02, () => fill(any().room)],
    [0.05, () => clock.advance(3000 * random())],
  ]
  server.refusals = refusals
  for (let step = 0; step < STEPS; step += 1) {
    for (const [likely, act] of breaks) if (random() < likely) act()
    server.step()
  }
  server.refusals = 0
  settle(server, clock, people)
  for (const person of people) loadAll(person, server, clock)
  return { log: server.room('lobby').log, people }
}

function fill(room) {
  const gap = room?.items.find(({ kind }) => kind === 'gap')
  if (gap) room.fillGap(gap.key, room.items.length % 2 === 0)
}

// Until all are connected, and nothing moves any more.
function settle(server, clock, people) {
  for (let rounds = 0; rounds < 100; rounds += 1) {
    while (server.step());
    const isQuiet = people.every(({ client, room }) => room?.status === 'joined' && !client.waiting)
    if (isQuiet) return
    clock.advance(5000)
  }
  assert.fail('it does not come to rest')
}

function loadAll({ room }, server) {
  for (
    let pages = 0;
    room.canLoadOlder || room.items.some(({ kind }) => kind === 'gap');
    pages += 1
  ) {
    assert.ok(pages < 200, 'it can be loaded')
    if (room.canLoadOlder) room.loadOlder()
    else fill(room)
    while (server.step());
  }
}

for (const [name, options] of [
  ['lines break and pages are reloaded', { refusals: 0, resume: 500 }],
  ['and the server repeats only a few', { refusals: 0, resume: 3 }],
  ['and it refuses messages for now', { refusals: 0.2, resume: 500 }],
])
  test(`every message once, in order, on all sides: ${name}`, () => {
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const { log, people } = run(seed, options)
      const where = `with seed ${seed}`
      const first = log.filter(({ action }) => action === 'send-message')
      const wanted = first.map(
        ({ seq, message, edited = 0, deleted = 0 }) => `${seq} ${message} ${deleted || edited}`,
      )
      for (const person of people) {
        const here = person
          .messages()
          .map(({ seq, text, edited, deleted }) => `${seq} ${text} ${deleted || edited}`)
        assert.deepEqual(here, wanted, where)
        const told = person.told
        assert.deepEqual(
          told,
          [...new Set(told)].sort((a, b) => a - b),
          where,
        )
        const stored = first.map(({ said }) => said).filter((text) => text.startsWith(person.name))
        const order = options.refusals ? stored.sort() : stored
        assert.deepEqual(order, options.refusals ? person.said.sort() : person.said, where)
      }
      assert.ok(log.length > 10, where)
    }
  })
