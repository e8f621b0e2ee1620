// A chatd in little, on lines that lose things: each connection has what is under way in both
// directions, in order, and a test decides what moves next and what breaks.

class Line {
  readyState = 1
  up = []
  down = []

  constructor(server, url) {
    const query = new URL(url).searchParams
    this.server = server
    this.rooms = new Set()
    this.user = server.userOf(query.get('name'), query.get('bearer'))
    this.say(server.welcome(this.user))
  }

  // What the client does.
  send(text) {
    this.up.push(JSON.parse(text))
  }

  close() {
    this.readyState = 3
    this.server.lines.delete(this)
  }

  // What the server does: as it is at this moment, whatever is edited later.
  say(document) {
    this.down.push(JSON.stringify(document))
  }

  lose() {
    this.close()
    this.onclose({ code: 1006, reason: '' })
  }
}

export class FakeServer {
  lines = new Set()
  rooms = new Map() // {id, name, log: [message], stored: Map of sender and id to the seq}
  refusals = 0 // how likely it is that a message is refused for now
  #users = new Map() // by token

  constructor(random, { resume = 500, history = 200 } = {}) {
    this.random = random
    this.limits = { messageBytes: 10000, underWay: 64, messagesPerSecond: 0, resume, history }
  }

  connect(url) {
    const line = new Line(this, url)
    this.lines.add(line)
    return line
  }

  userOf(name, token) {
    const known = this.#users.get(token)
    if (known) return known
    const number = this.#users.size + 1
    const user = { id: `u${number}`, name, token: `t${number}` }
    this.#users.set(user.token, user)
    return user
  }

  forgetUsers() {
    for (const [token, user] of [...this.#users]) {
      this.#users.delete(token)
      this.#users.set(`gone ${token}`, user)
    }
  }

  welcome({ id, name, token }) {
    return { action: 'welcome', user: { id, name }, token, tokenExpires: 9e15, limits: this.limits }
  }

  room(name) {
    if (!this.rooms.has(name))
      this.rooms.set(name, { id: `id-${name}`, name, log: [], stored: new Map() })
    return this.rooms.get(name)
  }

  // One document moves, on one of the lines. Returns whether there was one.
  step() {
    const ways = [...this.lines].flatMap((line) => [
      ...(line.up.length ? [() => this.#take(line, line.up.shift())] : []),
      ...(line.down.length ? [() => line.onmessage({ data: this.#some(line.down) })] : []),
    ])
    ways[Math.floor(this.random() * ways.length)]?.()
    return ways.length > 0
  }

  // One frame carries one document or several.
  #some(down) {
    const count = 1 + Math.floor(this.random() * 4)
    return down.splice(0, count).join('\n')
  }

  #take(line, document) {
    if (document.action === 'join-room') this.#join(line, document)
    else if (document.action === 'send-message') this.#post(line, document)
    else if (document.action === 'history') this.#history(line, document)
    else if (document.of !== undefined) this.#change(line, document)
  }

  #join(line, { message: name, since }) {
    const room = this.room(name)
    const target = { id: room.id, name, private: false }
    const last = room.log.length
    const answer = { action: 'room-joined', target, sender: null, lastSeq: last }
    if (since === undefined || line.rooms.has(room.id)) {
      line.say(answer)
    } else {
      const from = Math.min(last, Math.max(since, last - this.limits.resume))
      line.say({ ...answer, since: from, truncated: from > since || undefined })
      for (const message of room.log.slice(from)) line.say(message)
    }
    line.rooms.add(room.id)
  }

  #post(line, { message: text, target, id }) {
    const room = [...this.rooms.values()].find((one) => one.id === target.id)
    const refuse = (code, retry) =>
      line.say({ action: 'error', refused: 'send-message', code, message: code, retry, id, target })
    if (!line.rooms.has(target.id)) return refuse('not-a-member', false)
    if (this.random() < this.refusals) return refuse('unavailable', true)
    const { id: sender, name } = line.user
    const isNew = !room.stored.has(`${sender} ${id}`)
    if (isNew) room.stored.set(`${sender} ${id}`, room.log.length + 1)
    const seq = room.stored.get(`${sender} ${id}`)
    const ack = { action: 'message-ack', id, target: { id: room.id }, seq, ts: seq }
    const isFirst = this.random() < 0.5
    if (isFirst) line.say(ack)
    if (isNew) {
      const to = { id: room.id, name: room.name }
      const by = { id: sender, name }
      const message = {
        action: 'send-message',
        message: text,
        target: to,
        sender: by,
        seq,
        ts: seq,
        id,
        said: text, // for the test
      }
      room.log.push(message)
      for (const each of this.lines) if (each.rooms.has(room.id)) each.say(message)
    }
    if (!isFirst) line.say(ack)
  }

  // An edit or a delete: an entry of the log, and the original is from then on as it says.
  #change(line, { action, of, message: text, target, id }) {
    const room = [...this.rooms.values()].find((one) => one.id === target.id)
    const original = room.log[of - 1]
    const refuse = (code) =>
      line.say({ action: 'error', refused: action, code, message: code, retry: false, id, target })
    if (!line.rooms.has(target.id)) return refuse('not-a-member')
    if (original?.action !== 'send-message' || original.deleted) return refuse('no-such-message')
    if (original.sender.id !== line.user.id) return refuse('forbidden')
    const seq = room.log.length + 1
    const { id: sender, name } = line.user
    const entry = {
      action,
      target: { id: room.id, name: room.name },
      sender: { id: sender, name },
      seq,
      of,
      ts: seq,
      id,
    }
    if (action === 'edit-message') entry.message = original.message = text
    if (action === 'edit-message') original.edited = seq
    else for (const one of room.log) if (one === original || one.of === of) one.message = ''
    if (action === 'delete-message') original.deleted = seq
    room.log.push(entry)
    for (const each of this.lines) if (each.rooms.has(room.id)) each.say(entry)
    line.say({ action: 'message-ack', id, target, seq, ts: seq })
  }

  #history(line, { target, before, after, limit, id }) {
    const { log } = [...this.rooms.values()].find((one) => one.id === target.id)
    const forward = after !== undefined
    const fitting = log.filter(({ seq }) => (forward ? seq > after : seq < (before ?? Infinity)))
    const messages = forward ? fitting.slice(0, limit) : fitting.slice(-limit)
    line.say({ action: 'history', target, messages, more: fitting.length > messages.length, id })
  }
}
