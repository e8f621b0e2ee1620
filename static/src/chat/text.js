// Words for people.
import { byteLength, cleanText } from '../client/index.js'

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
