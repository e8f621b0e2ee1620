// What the server's log has, as the rooms here hold it. PROTOCOL.md says what the fields are.

// settled: one of one's own that waited for this; its key goes on, so that it moves and is not drawn
// twice.
export function readMessage(document, me, settled = null) {
  const { message, sender, seq, ts, id, edited = 0, deleted = 0 } = document
  const own = Boolean(settled) || sender.id === me?.id
  return {
    key: settled?.key ?? (own && id ? `o${id}` : `m${seq}`),
    kind: 'message',
    seq,
    id,
    text: message ?? '',
    sender,
    ts,
    own,
    edited: Number(edited),
    deleted: Number(deleted),
    state: 'sent',
    error: '',
  }
}

export function readChange({ action, message, sender, seq, of, ts, id }, me) {
  const own = sender.id === me?.id
  const kind = action === 'delete-message' ? 'delete' : 'edit'
  return { kind, seq, of, text: message ?? '', sender, ts, id, own }
}

// Either, as it stands in a page of the past.
export function readEntry(document, me) {
  return document.of === undefined ? readMessage(document, me) : readChange(document, me)
}
