// What the server holds texts to.

const encoder = new TextEncoder()

export function byteLength(text) {
  return encoder.encode(text).length
}

// Half a surrogate pair and NUL have no place in the protocol; a paste can bring both.
export function cleanText(text) {
  return text.replace(/[\ud800-\udfff]/gu, '\ufffd').replaceAll('\0', '')
}
