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
// client: connect(name), connectAccount(user), account, disconnect(), signOut(), forgetMe(),
// reconnectNow(), join(name), openPrivate(user), createRoom(name, {kind, topic}), listRooms({after,
// limit}), block(user), unblock(user), blocks(), room(key), rooms, user, isAccount, isAdmin, people
// (a Map), phase, limits, remembers(name), waiting, save().
//
// room: name, private, peer, status, problem, out, items (room.js), unread, send(text), retry(id),
// discard(id), loadOlder(), fillGap(key, forward), markRead(), setReading(seq), write(),
// typing.names, leave(), rejoin(); kind, topic, owner, role; edit(seq, text), remove(seq),
// kick(user), ban(user, seconds), unban(user), mute(user, seconds), unmute(user),
// makeModerator(user), removeModerator(user), invite(user), setTopic(text), setKind(kind),
// transfer(user), destroy(), members(): a Promise each.
//
// Events: `connection` {phase, retryAt, why, code}; `welcome` {user, isAnother}; `people` [{user,
// online}]; `opened`, `changed` and `closed` with the room; `joined` {room, from, last, missed,
// isAnother: the one that was known is no more};
// `message` {room, message}: each once, in its room's order; `change` {room, change}: likewise, an
// edit or a delete; `out` {room, reason, until, by}: one was put out; `problem` {code, message}.
//
// In a browser, Api (api.js) signs in to an account and has a cookie set; then it is
// connectAccount(user).
//
// A name is one user as long as the server knows the token that is kept under it: in every tab with
// the same storage, after reloads and restarts. Two names are two users. When the server does not
// know the token any more, one is somebody new (`isAnother`): rooms are joined again, and what was
// not confirmed becomes `failed`, for a person to decide, since it may be stored under the old id.
export { Api } from './api.js'
export { ChatClient } from './client.js'
export { HELD, KEPT, SLACK } from './log.js'
export { LIMITS, serverUrl } from './protocol.js'
export { byteLength, cleanText } from './text.js'
