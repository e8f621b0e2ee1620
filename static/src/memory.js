// What the browser keeps for the next visit. It may refuse to; then the page goes on without.

const NAME = 'chatd.name'
const ROOMS = 'chatd.rooms'
const TAB = 'chatd.tab'
const WAY = 'chatd.way'
const MOST_ROOMS = 6

// To reach for a storage that is forbidden throws, too.
export function storage(kind) {
  try {
    return window[kind]
  } catch {
    return null
  }
}

function read(key, otherwise, kind = 'localStorage') {
  try {
    return JSON.parse(storage(kind).getItem(key)) ?? otherwise
  } catch {
    return otherwise
  }
}

function write(key, value, kind = 'localStorage') {
  try {
    storage(kind).setItem(key, JSON.stringify(value))
  } catch {
    // full, or forbidden
  }
}

export const remember = {
  name: (name) => write(NAME, name),
  // How one came in the last time: see SignIn.vue.
  way: (way) => write(WAY, way),
  room: (name) => {
    const others = remembered.rooms().filter((room) => room !== name)
    write(ROOMS, [name, ...others].slice(0, MOST_ROOMS))
  },
  // As whom this tab is signed in, and where; null when it is not. Another tab may be somebody
  // else.
  tab: (tab) => write(TAB, tab, 'sessionStorage'),
}

export const remembered = {
  name: () => String(read(NAME, '')),
  way: () => String(read(WAY, '')),
  rooms: () => {
    const rooms = read(ROOMS, [])
    return Array.isArray(rooms) ? rooms.filter((room) => room && typeof room === 'string') : []
  },
  tab: () => {
    const tab = read(TAB, null, 'sessionStorage')
    return typeof tab?.name === 'string' ? tab : null
  },
}
