// What outlasts the page: who one is under which name, the open rooms, and what waits to be sent.
// Each is an entry of its own, so that several tabs do not overwrite each other's.
//
// The storage (that of the Web Storage API) may be full, forbidden or not there at all, and what is
// in it may be anybody's: then nothing is kept, and all else goes on.

export class Store {
  #storage
  #prefix

  constructor(storage, server) {
    this.#storage = storage
    this.#prefix = `chatd ${server}`
  }

  // {token, expires, user: {id, name}}
  identity(name, now) {
    const kept = this.#read(this.#identityKey(name))
    return kept?.token && kept.user?.id && !(kept.expires <= now) ? kept : null
  }

  keepIdentity(name, identity) {
    return this.#write(this.#identityKey(name), identity)
  }

  forgetIdentity(name) {
    this.#remove(this.#identityKey(name))
  }

  // Whoever has signed in with an account, {id, name}; null where nobody has. There is no secret in
  // it: the browser has a cookie.
  account() {
    const kept = this.#read(this.#accountKey())
    return typeof kept?.id === 'string' && typeof kept.name === 'string' ? kept : null
  }

  keepAccount({ id, name }) {
    return this.#write(this.#accountKey(), { id, name })
  }

  forgetAccount() {
    this.#remove(this.#accountKey())
  }

  // Whether an entry of the storage is the one of the account.
  isAccount(entry) {
    return entry === this.#accountKey()
  }

  // {key, id, name, peer, last, read, order}
  rooms(userId) {
    return this.#all(`${this.#prefix} room ${userId} `)
      .filter(({ key, name, peer }) => key && typeof name === 'string' && (!peer || peer.id))
      .sort((a, b) => a.order - b.order)
  }

  keepRoom(userId, room) {
    return this.#write(`${this.#prefix} room ${userId} ${room.key}`, room)
  }

  dropRoom(userId, key) {
    this.#remove(`${this.#prefix} room ${userId} ${key}`)
  }

  // {id, by, text, ts, order, error, room: {key, name, peer}}
  messages(userId) {
    return this.#all(this.#messageKey(userId, ''))
      .filter(({ id, text, room }) => id && typeof text === 'string' && room?.key && room.name)
      .sort((a, b) => a.order - b.order)
  }

  keepMessage(userId, message) {
    return this.#write(this.#messageKey(userId, message.id), message)
  }

  dropMessage(userId, id) {
    this.#remove(this.#messageKey(userId, id))
  }

  // The id of the message that an entry of the storage is about, or null.
  messageIdOf(userId, entry) {
    const prefix = this.#messageKey(userId, '')
    return entry?.startsWith(prefix) ? entry.slice(prefix.length) : null
  }

  // Users whose token has run out, or was forgotten, do not come back.
  sweep(now) {
    const living = new Set([this.account()?.id])
    const identities = `${this.#prefix} identity `
    for (const entry of this.#entries(identities)) {
      const name = entry.slice(identities.length)
      const kept = this.identity(name, now)
      if (kept) living.add(kept.user.id)
      else this.forgetIdentity(name)
    }
    for (const kind of ['room', 'message'])
      for (const entry of this.#entries(`${this.#prefix} ${kind} `))
        if (!living.has(entry.slice(`${this.#prefix} ${kind} `.length).split(' ')[0]))
          this.#remove(entry)
  }

  forgetUser(userId) {
    for (const kind of ['room', 'message'])
      for (const entry of this.#entries(`${this.#prefix} ${kind} ${userId} `)) this.#remove(entry)
  }

  #identityKey(name) {
    return `${this.#prefix} identity ${name}`
  }

  #accountKey() {
    return `${this.#prefix} account`
  }

  #messageKey(userId, id) {
    return `${this.#prefix} message ${userId} ${id}`
  }

  #entries(prefix) {
    try {
      const all = Array.from({ length: this.#storage.length }, (_, at) => this.#storage.key(at))
      return all.filter((entry) => entry?.startsWith(prefix))
    } catch {
      return []
    }
  }

  #all(prefix) {
    return this.#entries(prefix)
      .map((entry) => this.#read(entry))
      .filter((kept) => kept && typeof kept === 'object')
  }

  #read(entry) {
    try {
      return JSON.parse(this.#storage.getItem(entry))
    } catch {
      return null
    }
  }

  // Returns whether it is kept.
  #write(entry, value) {
    try {
      this.#storage.setItem(entry, JSON.stringify(value))
      return true
    } catch {
      return false
    }
  }

  #remove(entry) {
    try {
      this.#storage.removeItem(entry)
    } catch {
      // then it was not kept, either
    }
  }
}
