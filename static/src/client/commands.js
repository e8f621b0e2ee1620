// Requests that have one answer each, which is found by the id that goes along: what is done, a
// list, an ack, or an error.

export class Commands {
  #open = new Map() // {resolve, reject, at} by id
  #environment
  #send

  // environment: now(), newId(). send(document): whether it was handed to the socket.
  constructor(environment, send) {
    this.#environment = environment
    this.#send = send
  }

  // A Promise of the answer; rejected with an Error that has code, retry and until where the server
  // gives them. It is not sent again by itself: a person sees that it did not work.
  ask(document, id = this.#environment.newId()) {
    return new Promise((resolve, reject) => {
      if (!this.#send({ ...document, id }))
        return reject(
          failure({ code: 'offline', message: 'There is no connection at the moment.' }),
        )
      this.#open.set(id, { resolve, reject, at: this.#environment.now() })
    })
  }

  // Returns whether it was the answer to one of these.
  answered(document) {
    const asked = this.#open.get(document.id)
    if (!asked) return false
    this.#open.delete(document.id)
    if (document.action === 'error') asked.reject(failure(document))
    else asked.resolve(document)
    return true
  }

  // The connection is gone. Nobody knows whether these were done.
  lose() {
    const open = [...this.#open.values()]
    this.#open.clear()
    const lost = { code: 'offline', message: 'The connection was lost before it was confirmed.' }
    for (const { reject } of open) reject(failure(lost))
  }

  // When the one that is under way for longest was sent.
  oldest() {
    return Math.min(Infinity, ...[...this.#open.values()].map(({ at }) => at))
  }
}

function failure({ code, message, retry = false, until = 0 }) {
  return Object.assign(new Error(message), { code, retry, until })
}
