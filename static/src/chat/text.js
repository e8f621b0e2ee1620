// What the server holds names and messages to, so that a form can say it before sending.

const encoder = new TextEncoder()

export function byteLength(text) {
  return encoder.encode(text).length
}

// Half a surrogate pair and NUL have no place in the protocol; a paste can bring both.
export function cleanText(text) {
  return text.replace(/[\ud800-\udfff]/gu, '\ufffd').replaceAll('\0', '')
}

// What is wrong with a name, in words for people, or '' when nothing is.
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
