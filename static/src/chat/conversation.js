// What one open room is to the page: what was delivered, in the order of the server, and below it
// one's own messages that are still on their way.

export const KEPT = 500 // messages of a room that the page keeps, and so draws
const SLACK = 50 // how far it may go over, so that not every message moves the whole list

let keys = 0
const nextKey = (letter) => `${letter}${(keys += 1)}`

// status: joined; joining (again); lost (not in the room, for the reason in problem);
// ended (a private chat whose other side is gone).
export function createConversation({ name, peer = null }, fresh = false) {
  return {
    key: nextKey('c'),
    id: null,
    name,
    peer,
    private: peer !== null,
    status: 'joining',
    problem: '',
    items: [],
    tail: [],
    trimmed: false,
    lastSeq: 0,
    unread: 0,
    fresh, // opened by the other side and not looked at yet
    draft: '',
  }
}

function push(conversation, item) {
  const { items } = conversation
  items.push(item)
  if (items.length <= KEPT + SLACK) return
  items.splice(0, items.length - KEPT)
  conversation.trimmed = true
}

export function addNotice(conversation, text, ts) {
  push(conversation, { key: nextKey('n'), kind: 'notice', text, ts })
}

export function addSending(conversation, { id, text, sender, ts }) {
  conversation.tail.push({
    key: nextKey('m'),
    kind: 'message',
    id,
    text,
    sender,
    ts,
    seq: 0,
    own: true,
    state: 'sending',
    error: '',
    retry: false,
  })
}

function takeFromTail(conversation, id) {
  const at = conversation.tail.findIndex((item) => item.id === id)
  return at < 0 ? null : conversation.tail.splice(at, 1)[0]
}

// A message as delivered. Returns whether it was new. One's own takes the place of the one on its
// way, under the same key, so that it moves and is not drawn twice.
export function addDelivered(conversation, { message, sender, seq, ts, id }, own) {
  if (seq <= conversation.lastSeq) return false
  conversation.lastSeq = seq
  const waiting = own && id ? takeFromTail(conversation, id) : null
  push(conversation, {
    key: waiting?.key ?? nextKey('m'),
    kind: 'message',
    id,
    text: message,
    sender,
    ts,
    seq,
    own,
    state: 'sent',
    error: '',
    retry: false,
  })
  return true
}

function inTail(conversation, id) {
  return conversation.tail.find((item) => item.id === id)
}

export function markSent(conversation, { id, seq, ts }) {
  const item = inTail(conversation, id)
  if (item) Object.assign(item, { state: 'sent', seq, ts, error: '' })
}

export function markSending(conversation, id, ts) {
  const item = inTail(conversation, id)
  if (item) Object.assign(item, { state: 'sending', ts, error: '' })
  return item
}

// Returns whether there was such a message.
export function markFailed(conversation, id, error, retry) {
  const item = inTail(conversation, id)
  if (item) Object.assign(item, { state: 'failed', error, retry })
  return Boolean(item)
}

export function discard(conversation, id) {
  takeFromTail(conversation, id)
}

// The connection is gone: what was acknowledged is stored and nobody will deliver it to this page
// any more, and of the rest nobody knows.
export function settleTail(conversation) {
  for (const item of conversation.tail.filter(({ state }) => state === 'sent'))
    push(conversation, takeFromTail(conversation, item.id))
  for (const item of conversation.tail)
    if (item.state === 'sending')
      Object.assign(item, {
        state: 'failed',
        error: 'Not confirmed: the connection was lost.',
        retry: true,
      })
}

export function oldestSending(conversation) {
  const times = conversation.tail.filter(({ state }) => state === 'sending').map(({ ts }) => ts)
  return times.length ? Math.min(...times) : Infinity
}
