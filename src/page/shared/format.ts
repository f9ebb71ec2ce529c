const counts = new Intl.NumberFormat('en')

/** 41,208 */
export function count(value: number): string {
  return counts.format(value)
}

/** 96 B, 1.2 kB, 64 kB, 1.6 MB: powers of a thousand. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let rest = value
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  return `${unit === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1).replace(/\.0$/, '')} ${units[unit]}`
}

/** 0.4, 2, 3,012: a rate in as many digits as mean something. */
export function rate(value: number): string {
  return value < 1 ? value.toFixed(1) : count(Math.round(value))
}

/** 45 s, 12 min, 23 h 41 min, 6 d 4 h: the two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 5) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  const days = Math.floor(hours / 24)
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`
}

/** 14:35:07, in the reader's zone. */
export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB')
}

/** 14:35:07.412 */
export function preciseClock(ms: number): string {
  return `${clock(ms)}.${String(Math.floor(ms) % 1000).padStart(3, '0')}`
}

/** Mon 30 Nov, 14:35:07 UTC+1: for a title, and for what is not of today. */
export function moment(ms: number): string {
  return new Date(ms).toLocaleString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  })
}

/** The end of an id, which is what differs. */
export function idEnd(id: string): string {
  return id.length > 14 ? `…${id.slice(-12)}` : id
}

/** A URL without its scheme, for a narrow place. */
export function withoutScheme(topic: string): string {
  return topic.replace(/^https?:\/\//, '')
}

export function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length
}
