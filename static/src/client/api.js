// What goes over HTTP: accounts and their sessions. The session is the browser's cookie, which no
// script sees. PROTOCOL.md has the requests.

const MOST_TRIES = 6 // of what a busy server has not begun to do
const BUSY_MS = 5000 // where it does not say how long

export class Api {
  #url
  #fetch
  #wait

  // url: where the server's page is, such as https://chat.example.org/. fetch: as the browser's.
  // wait(ms): a Promise of then.
  constructor(
    url,
    fetch = (...request) => globalThis.fetch(...request),
    wait = (ms) => new Promise((resume) => setTimeout(resume, ms)),
  ) {
    this.#url = url
    this.#fetch = fetch
    this.#wait = wait
  }

  // {auth: 'open' | 'members', registration: 'open' | 'invite' | 'closed', version}
  config() {
    return this.#ask('GET', 'config')
  }

  // Both: {user: {id, name}, admin}.
  register(username, password, invitation) {
    const fields = { username, password, cookie: true, ...(invitation && { invitation }) }
    return this.#ask('POST', 'register', fields)
  }

  login(username, password) {
    return this.#ask('POST', 'login', { username, password, cookie: true })
  }

  logout() {
    return this.#ask('POST', 'logout', {})
  }

  // {user, admin, account, sessions: [{id, created, seen, expires, agent, current}]}
  me() {
    return this.#ask('GET', 'me')
  }

  revoke(sessionId) {
    return this.#ask('DELETE', `sessions/${encodeURIComponent(sessionId)}`)
  }

  revokeOthers() {
    return this.#ask('POST', 'sessions/revoke-others', {})
  }

  changePassword(password, newPassword) {
    return this.#ask('POST', 'password', { password, newPassword })
  }

  // Of an admin: {path}, of the page, to register with.
  invite(uses, expiresIn) {
    return this.#ask('POST', 'invitations', { uses, expiresIn })
  }

  // Rejected with an Error that has status, 0 without an answer, code, and until, where it ends.
  // Of many who sign in at once a server looks at some, and tells the others to come later.
  async #ask(method, path, body) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#askOnce(method, path, body)
      } catch (error) {
        if (error.status !== 503 || error.code !== 'busy' || tries === MOST_TRIES) throw error
        await this.#wait((error.retryMs ?? BUSY_MS) * (0.5 + Math.random()))
      }
    }
  }

  async #askOnce(method, path, body) {
    const json = body && { 'Content-Type': 'application/json' }
    const headers = { Accept: 'application/json', ...json }
    const options = { method, headers, credentials: 'same-origin', cache: 'no-store' }
    let answer
    try {
      answer = await this.#fetch(new URL(`api/${path}`, this.#url).href, {
        ...options,
        ...(body && { body: JSON.stringify(body) }),
      })
    } catch {
      throw refusal(0, { code: 'offline', message: 'The server cannot be reached.' })
    }
    const document = await answer.json().catch(() => null)
    if (!answer.ok) throw refusal(answer.status, document ?? {}, answer.headers.get('retry-after'))
    return document
  }
}

function refusal(status, document, retryAfter = null) {
  const { code = '', message = 'The server refused this.', until } = document
  const seconds = /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) : null
  const wait = seconds === null ? '' : ` Try again in ${seconds} s.`
  const retryMs = seconds === null ? undefined : seconds * 1000
  return Object.assign(new Error(`${message}${wait}`), { status, code, until, retryMs })
}
