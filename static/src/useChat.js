// The one chat of the page: the state that components read, and the chat that they call.
import { computed, reactive, watch } from 'vue'
import { Chat } from './chat/chat.js'
import { Roster } from './chat/roster.js'
import { createState } from './chat/state.js'
import { ChatClient, serverUrl } from './client/index.js'
import { remember, remembered, storage } from './memory.js'

export const state = reactive(createState())
export const roster = new Roster()

const client = new ChatClient({
  url: serverUrl(window.location),
  storage: storage('localStorage'),
})

export const chat = new Chat(state, roster, client)

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
  const tab = remembered.tab()
  if (tab && client.remembers(tab.name)) {
    chat.signIn(tab.name)
    if (state.conversations.some(({ key }) => key === tab.current)) chat.show(tab.current)
  }
  watch(
    () => [state.me, state.current],
    ([me, key]) => remember.tab(me && { name: client.name, current: key }),
  )
  document.addEventListener('visibilitychange', () => chat.setVisible(!document.hidden))
  chat.setVisible(!document.hidden)
  window.addEventListener('online', () => state.phase === 'waiting' && chat.reconnectNow())
  watch(current, (one) => one && !one.private && remember.room(one.name))
  window.addEventListener('pagehide', () => client.save())
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key && newValue === null) client.storageRemoved(key)
  })
}
