// The wire (PROTOCOL.md): what is sent, and how what comes is read.

export const LIMITS = { messageBytes: 10000, roomNameBytes: 128, userNameBytes: 64 }

export const request = {
  joinRoom: (name) => ({ action: 'join-room', message: name }),
  joinPrivate: (userId) => ({ action: 'join-room-private', message: userId }),
  leaveRoom: (roomId) => ({ action: 'leave-room', message: roomId }),
  sendMessage: (room, text, id) => ({
    action: 'send-message',
    message: text,
    target: { id: room.id, name: room.name },
    id,
  }),
}

export function socketUrl(location, name) {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  return `${scheme}//${location.host}/ws?name=${encodeURIComponent(name)}`
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

// What a close means for coming back: whether to, after how long when the server said so, and why.
export function readClose(code, reason = '') {
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
