// The one chat of the page: the state that components read, and the chat that they call.
import { computed, reactive, watch } from 'vue'
import { Chat } from './chat/chat.js'
import { Connection } from './chat/connection.js'
import { Roster } from './chat/roster.js'
import { createState } from './chat/state.js'
import { remember } from './memory.js'

export const state = reactive(createState())
export const roster = new Roster()

// Not randomUUID(), which browsers have on https and localhost only.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export const chat = new Chat(state, roster, (handlers) => new Connection(handlers), {
  location: window.location,
  now: () => Date.now(),
  newId,
})

export const current = computed(() => state.conversations.find(({ key }) => key === state.current))

export const unread = computed(() => state.conversations.reduce((sum, one) => sum + one.unread, 0))

export const waiting = computed(() =>
  state.conversations.some((one) => one.unread > 0 || one.fresh),
)

export function peopleMatching(text) {
  return state.rosterVersion >= 0 ? roster.matching(text) : []
}

export function peopleOnline() {
  return state.rosterVersion >= 0 ? roster.size : 0
}

export function start() {
  document.addEventListener('visibilitychange', () => chat.setVisible(!document.hidden))
  chat.setVisible(!document.hidden)
  window.addEventListener('online', () => state.phase === 'waiting' && chat.reconnectNow())
  watch(current, (one) => one && !one.private && remember.room(one.name))
  setInterval(() => chat.checkOverdue(), 5000)
}
