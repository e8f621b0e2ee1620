// All that the page shows. A plain object; the page makes it reactive.
import { LIMITS } from './protocol.js'

export function createState() {
  return {
    phase: 'closed', // of the connection, with retryAt and why: see connection.js
    retryAt: 0,
    why: '',
    welcomed: false, // since signing in
    me: null, // {id, name}, from the server
    limits: { ...LIMITS },
    conversations: [],
    current: null, // the key of the one that is shown
    shown: 0, // how often the person went to one, be it the same again
    visible: true, // whether the person has the page before them
    joining: '',
    joinError: '',
    peopleError: '',
    statuses: [],
    rosterVersion: 0,
  }
}

export function byKey(state, key) {
  return state.conversations.find((one) => one.key === key)
}

// What was left by the peer is still a room of the server's.
export function byRoom(state, id) {
  return state.conversations.find(
    (one) => one.id === id && (one.status === 'joined' || one.status === 'ended'),
  )
}

export function byPeer(state, userId) {
  return state.conversations.find((one) => one.peer?.id === userId)
}

export function byName(state, name) {
  return state.conversations.find((one) => !one.private && one.name === name)
}

export function isLookedAt(state, { key }) {
  return state.visible && key === state.current
}
