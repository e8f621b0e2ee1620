// Times as people read them, in the language and zone of the browser.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })

export const timeText = (ts) => clock.format(ts)
export const fullText = (ts) => full.format(ts)
export const isoText = (ts) => new Date(ts).toISOString()

export const dayKey = (ts) => new Date(ts).toDateString()

export function dayText(ts, now = new Date()) {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1)
  if (dayKey(ts) === now.toDateString()) return 'Today'
  if (dayKey(ts) === yesterday.toDateString()) return 'Yesterday'
  return day.format(ts)
}
