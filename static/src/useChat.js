// The one chat of the page: the state that components read, and the chat that they call.
import { computed, reactive, watch } from 'vue'
import { Account } from './chat/account.js'
import { Chat } from './chat/chat.js'
import { Roster } from './chat/roster.js'
import { createState } from './chat/state.js'
import { Api, ChatClient, serverUrl } from './client/index.js'
import { remember, remembered, storage } from './memory.js'

export const state = reactive(createState())
export const roster = new Roster()

const client = new ChatClient({
  url: serverUrl(window.location),
  storage: storage('localStorage'),
})

export const chat = new Chat(state, roster, client)

export const account = new Account(state, chat, new Api(window.location.origin))

// Of the link that somebody was given to register with.
export const invitation = new URLSearchParams(window.location.search).get('invitation') ?? ''

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
  if (tab && !tab.isAccount && client.remembers(tab.name)) chat.signIn(tab.name)
  else if (client.account) chat.signInAccount(client.account)
  if (state.conversations.some(({ key }) => key === tab?.current)) chat.show(tab.current)
  chat.onWaiting = () => account.check()
  account.loadConfig()
  // It has the browser keep the cookie for longer, too.
  if (state.isAccount) account.check()
  watch(
    () => [state.me, state.current],
    ([me, key]) =>
      remember.tab(me && { name: client.name, current: key, isAccount: state.isAccount }),
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

// One is registered: the link is of no more use, and would only stand in the history.
export function dropInvitation() {
  if (invitation) window.history.replaceState(null, '', window.location.pathname)
}
