// Who is online: found by id, and kept in the order of the names. Not reactive on purpose: a
// proxy for each of 10,000 people costs more than all else on the page.

const collator = new Intl.Collator(undefined, { sensitivity: 'base', numeric: true })

function inOrder(a, b) {
  return collator.compare(a.name, b.name) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

export class Roster {
  #byId = new Map()
  #sorted = []

  get size() {
    return this.#byId.size
  }

  clear() {
    this.#byId.clear()
    this.#sorted = []
  }

  // changes: {user: {id, name}, online}, in the order in which they came. One user more costs a
  // search, a whole list of them one sorting.
  apply(changes) {
    const fresh = []
    for (const { user, online } of changes) {
      const known = this.#byId.get(user.id)
      if (online && !known) {
        this.#byId.set(user.id, user)
        fresh.push(user)
      } else if (!online && known) {
        this.#byId.delete(user.id)
        if (!this.#removeSorted(known)) fresh.splice(fresh.indexOf(known), 1)
      }
    }
    if (fresh.length > 32) this.#sorted = [...this.#sorted, ...fresh].sort(inOrder)
    else for (const user of fresh) this.#sorted.splice(this.#place(user), 0, user)
  }

  // Those whose name contains the text, in order.
  matching(text) {
    const part = text.trim().toLocaleLowerCase()
    if (!part) return this.#sorted.slice()
    return this.#sorted.filter(({ name }) => name.toLocaleLowerCase().includes(part))
  }

  #place(user) {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (inOrder(this.#sorted[middle], user) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #removeSorted(user) {
    const at = this.#place(user)
    if (this.#sorted[at]?.id !== user.id) return false
    this.#sorted.splice(at, 1)
    return true
  }
}
