// What the browser keeps for the next visit. It may refuse to; then the page goes on without.

const NAME = 'chatd.name'
const ROOMS = 'chatd.rooms'
const MOST_ROOMS = 6

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise
  } catch {
    return otherwise
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value))
  } catch {
    // full, or forbidden
  }
}

export const remember = {
  name: (name) => write(NAME, name),
  room: (name) => {
    const others = remembered.rooms().filter((room) => room !== name)
    write(ROOMS, [name, ...others].slice(0, MOST_ROOMS))
  },
}

export const remembered = {
  name: () => String(read(NAME, '')),
  rooms: () => {
    const rooms = read(ROOMS, [])
    return Array.isArray(rooms) ? rooms.filter((room) => room && typeof room === 'string') : []
  },
}
