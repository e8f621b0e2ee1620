// Stands in for the browser and the server, with a clock that a test moves.

export class FakeClock {
  time = 1_000_000
  #timers = []

  now = () => this.time

  setTimeout = (act, ms) => {
    const timer = { act, at: this.time + ms }
    this.#timers.push(timer)
    return timer
  }

  clearTimeout = (timer) => {
    this.#timers = this.#timers.filter((one) => one !== timer)
  }

  get pending() {
    return this.#timers.length
  }

  advance(ms) {
    const until = this.time + ms
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.clearTimeout(next)
      this.time = next.at
      next.act()
    }
    this.time = until
  }
}

export class FakeStorage {
  entries = new Map()
  isFull = false

  get length() {
    return this.entries.size
  }

  key(at) {
    return [...this.entries.keys()][at] ?? null
  }

  getItem(key) {
    return this.entries.get(key) ?? null
  }

  setItem(key, value) {
    if (this.isFull) throw new Error('QuotaExceededError')
    this.entries.set(key, String(value))
  }

  removeItem(key) {
    this.entries.delete(key)
  }
}

export class FakeSocket {
  readyState = 0
  sent = []
  closed = false

  constructor(url) {
    this.url = url
  }

  send(text) {
    this.sent.push(JSON.parse(text))
  }

  close() {
    this.closed = true
    this.readyState = 3
  }

  // What a server does.
  accept() {
    this.readyState = 1
    this.onopen?.({})
  }

  say(...documents) {
    this.onmessage({ data: documents.map((document) => JSON.stringify(document)).join('\n') })
  }

  lose(code = 1006, reason = '') {
    this.readyState = 3
    this.onclose({ code, reason })
  }
}
