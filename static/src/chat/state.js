// All that the page shows. A plain object; the page makes it reactive.
import { LIMITS } from '../client/index.js'

export function createState() {
  return {
    phase: 'closed', // of the connection, with retryAt and why: see client/connection.js
    retryAt: 0,
    why: '',
    me: null, // {id, name}: as whom one is signed in, with or without a connection
    isAccount: false, // and not a guest
    isAdmin: false,
    config: null, // {auth, registration}: what the server offers, once it is known
    signInProblem: '', // why one has to sign in again
    dialog: '', // rooms, room, settings or none
    blocked: null, // [{id, name}], once it is known
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

// What the page knows of a room of the client's, and what is its own.
export function createConversation(room) {
  return {
    key: room.key,
    private: room.private,
    ...reflect(room, true),
    version: 0, // of the room's items, which are not copied
    fresh: room.invited, // opened by the other side and not looked at yet
    draft: '',
    problemSending: '',
    editing: null, // {seq, text, busy, problem}: the message that one changes
    problemActing: '', // what was refused of what one wanted to do to a message
    leftOff: null, // the number behind which the line "New messages" is drawn
    returned: null, // after a loss: the number that one had, and the last one then
  }
}

export function reflect(room, peerOnline) {
  const { name, peer, status, problem, unread, loading, loadProblem, canLoadOlder, log, typing } = room
  const { kind, topic, owner, role, out, mutedUntil } = room
  return {
    name,
    peer,
    status,
    problem,
    kind,
    topic,
    owner,
    role,
    out,
    mutedUntil,
    unread,
    loading,
    loadProblem,
    canLoadOlder,
    trimmed: log.trimmed,
    typing: typing.names,
    peerOnline,
  }
}

export function byKey(state, key) {
  return state.conversations.find((one) => one.key === key)
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
