// Accounts: who signs in, who is signed out, and what one sees and changes of one's own.
import { bannedText } from './text.js'

// Whoever is banned for some time is told how long.
function withUntil(error) {
  if (error.code === 'banned') error.message = bannedText(error.until)
  throw error
}

export class Account {
  #state
  #chat
  #api
  #checking = false
  #leaving = Promise.resolve() // until the cookie of before is cleared

  // api: an Api (client/api.js). chat: whom it is told who one is.
  constructor(state, chat, api) {
    this.#state = state
    this.#chat = chat
    this.#api = api
  }

  // What the server offers. Where that is not to be known everything is, and refused in words.
  async loadConfig() {
    try {
      const { auth, registration } = await this.#api.config()
      this.#state.config = { auth, registration }
    } catch {
      this.#state.config ??= { auth: 'open', registration: 'open' }
    }
  }

  // Both are rejected with what is wrong, in words.
  async register(name, password, invitation) {
    await this.#leaving
    const { user } = await this.#api.register(name, password, invitation)
    this.#chat.signInAccount(user)
  }

  async login(name, password) {
    await this.#leaving
    const { user } = await this.#api.login(name, password).catch(withUntil)
    this.#chat.signInAccount(user)
  }

  // Here, whatever the server says; without it the session goes on, and a person has to know.
  signOut() {
    const { isAccount } = this.#state
    this.#chat.signOut()
    if (isAccount) this.#leaving = this.#api.logout().catch((error) => this.#notTold(error))
    return this.#leaving
  }

  // A browser does not say why there is no connection. Whoever's session is over is told so, and a
  // guest where guests may not come in any more.
  async check() {
    if (this.#checking) return
    this.#checking = true
    if (this.#state.isAccount) await this.#checkSession()
    else await this.#checkGuest()
    this.#checking = false
  }

  async sessions() {
    const { sessions = [] } = await this.#api.me()
    return sessions
  }

  revoke(id) {
    return this.#api.revoke(id)
  }

  revokeOthers() {
    return this.#api.revokeOthers()
  }

  changePassword(password, newPassword) {
    return this.#api.changePassword(password, newPassword)
  }

  // The address to register with, for one person, within a week.
  async invite() {
    const { path } = await this.#api.invite(1, 7 * 24 * 3600)
    return path
  }

  async #checkSession() {
    const { status, code, message } = await this.#api.me().catch((error) => error)
    if (!this.#state.isAccount) return
    if (status === 401) this.#chat.turnedAway('Your session has ended. Sign in again.')
    else if (code === 'banned') this.#chat.turnedAway(message)
  }

  async #checkGuest() {
    await this.loadConfig()
    if (this.#state.config.auth === 'members' && this.#state.phase === 'waiting')
      this.#chat.turnedAway('Only who has an account may come in.', true)
  }

  #notTold({ status }) {
    if (status !== 401)
      this.#state.signInProblem =
        'The server could not be told that you signed out. Sign in again to end that session.'
  }
}
