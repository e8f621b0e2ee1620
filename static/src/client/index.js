// A client for chatd: it connects and comes back, joins its rooms again where it was, keeps what
// was written until it is stored, and has every room's messages each once and in order. No page is
// needed; it runs in browsers, and in Node with any WebSocket and, to outlast the process, a
// storage.
//
//     import { ChatClient } from './client/index.js'
//
//     const client = new ChatClient({
//       url: 'ws://localhost:8080/ws',
//       storage: localStorage, // optional: getItem, setItem, removeItem, key, length
//       createSocket: (url) => new WebSocket(url), // optional
//     })
//     client.on('message', ({ room, message }) => {
//       if (message.text === 'ping') room.send('pong')
//     })
//     client.connect('Robot')
//     const lobby = await client.join('lobby')
//     lobby.send('hello')
//
// client: connect(name), disconnect(), signOut(), reconnectNow(), join(name), openPrivate(user),
// room(key), rooms, user, people (a Map), phase, limits, remembers(name), waiting, save().
//
// room: name, private, peer, status, problem, items (room.js), unread, send(text), retry(id),
// discard(id), loadOlder(), fillGap(key, forward), markRead(), setReading(seq), write(),
// typing.names, leave(), rejoin().
//
// Events: `connection` {phase, retryAt, why}; `welcome` {user, isAnother}; `people` [{user,
// online}]; `opened`, `changed` and `closed` with the room; `joined` {room, from, last, missed};
// `message` {room, message}: each once, in its room's order; `problem` {code, message}.
//
// A name is one user as long as the server knows the token that is kept under it: in every tab with
// the same storage, after reloads and restarts. Two names are two users. When the server does not
// know the token any more, one is somebody new (`isAnother`): rooms are joined again, and what was
// not confirmed becomes `failed`, for a person to decide, since it may be stored under the old id.
export { ChatClient } from './client.js'
export { HELD, KEPT, SLACK } from './log.js'
export { LIMITS, serverUrl } from './protocol.js'
export { byteLength, cleanText } from './text.js'
