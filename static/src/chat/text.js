// Words for people.
import { byteLength, cleanText } from '../client/index.js'

export const TOPIC_BYTES = 256
export const DELETED_NAME = 'deleted user' // of who has no account any more
const LEAST_PASSWORD = 8
const MOST_PASSWORD = 1024
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

// What is wrong with a name, or '' when nothing is.
export function nameProblem(text, maxBytes) {
  const name = cleanText(text).trim()
  if (!name) return 'Please enter a name.'
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain control characters.'
  if (byteLength(name) > maxBytes) return `That name is too long (${maxBytes} bytes at most).`
  return ''
}

export function count(number, one, many) {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`
}

// What is wrong with a password that one chooses, or ''.
export function passwordProblem(text, again = text) {
  if (text.length < LEAST_PASSWORD)
    return `Please choose a password of at least ${LEAST_PASSWORD} characters.`
  if (byteLength(text) > MOST_PASSWORD) return 'That password is too long.'
  return text === again ? '' : 'The two passwords are not the same.'
}

// Until when something holds: a time of today, or with its day; nothing where it is for ever.
export function untilText(until, now = Date.now()) {
  if (!Number.isFinite(until) || until <= 0) return ''
  const isSoon = until - now < 12 * 3600 * 1000
  return ` until ${(isSoon ? clock : calendar).format(until)}`
}

export function bannedText(until) {
  return `You are banned from this server${untilText(until)}.`
}

// Why one is not in a room any more. name: of who did it, where it is known.
export function outText({ reason, until }, name = '') {
  const by = name ? ` by ${name}` : ''
  if (reason === 'kicked') return `You were removed from this room${by}.`
  if (reason === 'banned')
    return `You are banned from this room${untilText(until)}${by && `,${by}`}.`
  if (reason === 'room-deleted') return `This room was deleted${by}.`
  return 'You are not in this room any more.'
}
