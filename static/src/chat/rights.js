// What the page offers. Whether it is allowed the server decides: PROTOCOL.md has the table.

const RANK = { member: 1, moderator: 2, owner: 3, admin: 4 }

export const rank = (role) => RANK[role] ?? 0

export const isModerator = (role) => rank(role) >= RANK.moderator

export const isOwner = (role) => rank(role) >= RANK.owner

// Nobody acts on somebody of the same or a higher role.
export const mayActOn = (mine, theirs) => isModerator(mine) && rank(mine) > rank(theirs)

export function mayEdit({ kind, own, state, deleted }) {
  return kind === 'message' && own && state === 'sent' && !deleted
}

export function mayDelete(item, role) {
  const { kind, state, deleted } = item
  return kind === 'message' && state === 'sent' && !deleted && (item.own || isModerator(role))
}

export const ROLE_WORDS = { owner: 'Owner', moderator: 'Moderator', admin: 'Admin', member: '' }

// How long a ban or a mute lasts, in seconds; none for ever.
export const DURATIONS = [
  { seconds: 600, words: '10 minutes' },
  { seconds: 3600, words: '1 hour' },
  { seconds: 86400, words: '1 day' },
  { seconds: 604800, words: '1 week' },
  { seconds: undefined, words: 'For ever' },
]
