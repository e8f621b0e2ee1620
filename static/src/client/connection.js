// One socket at a time, and a new one after a pause when it is lost. Knows nothing of rooms.
import { readClose, readDocuments } from './protocol.js'

const BASE_MS = 1000
const CAP_MS = 30000
const LEAST_MS = 250
const CONNECT_MS = 15000
const STABLE_MS = 10000

// Full jitter: the clients of a server that went away do not come back all at once.
export function backoff(attempt, random) {
  return LEAST_MS + random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt)
}

export class Connection {
  #environment
  #handlers
  #url = null
  #socket = null
  #timer = null // of the pause, of a connect that takes too long, or of a connection's probation
  #attempt = 0
  #why = '' // the connection was lost; a reconnect that fails is no new reason

  // handlers: documents(list); change({phase, retryAt, why, code}) with phase one of closed,
  // connecting, connected, waiting (for retryAt) and refused (coming back by itself would not help;
  // code: session-revoked, name-taken or banned where it is one of these).
  // environment: createSocket(url), now(), setTimeout(), clearTimeout(), random().
  constructor(handlers, environment) {
    this.#handlers = handlers
    this.#environment = environment
  }

  // url: a function, asked each time: it may not stay the same.
  open(url) {
    this.#url = url
    this.#attempt = 0
    this.#why = ''
    this.#connect()
  }

  close() {
    this.#url = null
    this.#drop()
    this.#change('closed')
  }

  reconnectNow() {
    if (this.#url) this.#connect()
  }

  // The server has answered; an open socket alone means little.
  confirm() {
    if (!this.#socket) return
    this.#environment.clearTimeout(this.#timer)
    // A server that accepts and closes at once must not be asked again and again without a pause.
    this.#timer = this.#environment.setTimeout(() => (this.#attempt = 0), STABLE_MS)
    this.#why = ''
    this.#change('connected')
  }

  // For a socket that is open and yet dead: it looks lost to the other handlers, too.
  giveUp(why) {
    if (!this.#socket) return
    this.#drop()
    this.#why ||= why
    this.#wait(null)
  }

  // Whether the document was handed to the socket.
  send(document) {
    if (this.#socket?.readyState !== 1) return false
    this.#socket.send(JSON.stringify(document))
    return true
  }

  #change(phase, { retryAt = 0, why = '', code = '' } = {}) {
    this.#handlers.change({ phase, retryAt, why, code })
  }

  #drop() {
    this.#environment.clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = null // from here on its events are not ours
    socket?.close()
  }

  #connect() {
    this.#drop()
    this.#change('connecting')
    const socket = this.#environment.createSocket(this.#url())
    this.#socket = socket
    const ours = (act) => (event) => this.#socket === socket && act(event)
    socket.onmessage = ours(({ data }) => {
      if (typeof data === 'string') this.#handlers.documents(readDocuments(data))
    })
    socket.onerror = () => {} // a close follows; in Node an error that nobody hears ends the process
    socket.onclose = ours(({ code, reason }) => this.#lost(code, reason))
    this.#timer = this.#environment.setTimeout(
      () => this.giveUp('The server does not answer.'),
      CONNECT_MS,
    )
  }

  #lost(code, reason) {
    this.#drop()
    const closed = readClose(code, String(reason ?? ''))
    this.#why ||= closed.why
    if (closed.comeBack) this.#wait(closed.afterMs)
    else this.#change('refused', { why: closed.why, code: closed.code })
  }

  #wait(afterMs) {
    const { now, random, setTimeout } = this.#environment
    const pause = afterMs ?? backoff(this.#attempt, random)
    this.#attempt += 1
    this.#timer = setTimeout(() => this.#connect(), pause)
    this.#change('waiting', { retryAt: now() + pause, why: this.#why })
  }
}
