// The wire (PROTOCOL.md): what is sent, and how what comes is read.

// What holds until `welcome` says otherwise. A server that has no resume or history says nothing of them.
export const LIMITS = {
  messageBytes: 10000,
  roomNameBytes: 128,
  userNameBytes: 64,
  underWay: 64,
  messagesPerSecond: 0,
  resume: 0,
  history: 0,
}

export const request = {
  joinRoom: (name, since, create) => ({ action: 'join-room', message: name, since, create }),
  joinPrivate: (userId, since) => ({ action: 'join-room-private', message: userId, since }),
  leaveRoom: (roomId) => ({ action: 'leave-room', message: roomId }),
  sendMessage: (room, text, id) => ({
    action: 'send-message',
    message: text,
    target: { id: room.id, name: room.name },
    id,
  }),
  history: (roomId, range, id) => ({ action: 'history', target: { id: roomId }, ...range, id }),
  typing: (roomId) => ({ action: 'typing', target: { id: roomId } }),
  createRoom: (name, kind, topic) => ({
    action: 'create-room',
    message: name,
    kind,
    topic: topic || undefined,
  }),
  rooms: (after, limit) => ({ action: 'rooms', after, limit }),
  block: (userId) => ({ action: 'block', user: { id: userId } }),
  unblock: (userId) => ({ action: 'unblock', user: { id: userId } }),
  blocks: (after, limit) => ({ action: 'blocks', after, limit }),
  // What one does in a room and with those in it.
  inRoom: (action, roomId, fields) => ({ action, target: { id: roomId }, ...fields }),
}

// Where the chat is, for a page that came from its server.
export function serverUrl(location) {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  return `${scheme}//${location.host}/ws`
}

// The name goes along with a token too: should that be unknown by now, one is somebody new of that name.
// Whoever has an account is known by the cookie.
export function socketUrl(server, name, token) {
  if (name === null) return server
  const url = `${server}?name=${encodeURIComponent(name)}`
  return token ? `${url}&bearer=${encodeURIComponent(token)}` : url
}

// One text message carries one document or several, a line each. What cannot be read is skipped.
export function readDocuments(text) {
  const documents = []
  for (const line of text.split('\n')) {
    if (!line.trim()) continue
    try {
      const document = JSON.parse(line)
      if (typeof document?.action === 'string') documents.push(document)
    } catch {
      // a later version of the protocol, or a broken proxy; the other lines still count
    }
  }
  return documents
}

const BROKEN = new Set([1002, 1003, 1007, 1009])

// Reasons of a 1008: one is not let in any more.
const TURNED_AWAY = {
  'session-revoked': 'You were signed out.',
  'name-taken': 'Somebody has registered this name. Choose another one, or sign in.',
  banned: 'You are banned from this server.',
}

// What a close means for coming back: whether to, after how long when the server said so, and why;
// code where one is not let in any more.
export function readClose(code, reason = '') {
  if (code === 1008 && Object.hasOwn(TURNED_AWAY, reason))
    return { comeBack: false, afterMs: null, why: TURNED_AWAY[reason], code: reason }
  if (BROKEN.has(code))
    return { comeBack: false, afterMs: null, why: 'The server refused something this page sent.' }
  if (code === 1012) {
    const hint = /(?:^|;)\s*retry-ms=(\d{1,6})\s*(?:;|$)/.exec(reason)
    return {
      comeBack: true,
      afterMs: hint ? Number(hint[1]) : null,
      why: 'The server is restarting.',
    }
  }
  if (code === 1013)
    return { comeBack: true, afterMs: null, why: 'This connection was too slow for the server.' }
  return { comeBack: true, afterMs: null, why: 'The connection was lost.' }
}
