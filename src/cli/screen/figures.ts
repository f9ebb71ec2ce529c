const number = new Intl.NumberFormat('en')

export function count(value: number): string {
  return number.format(Math.round(value))
}

/** 96 B, 1.2 kB, 64 kB: powers of a thousand. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let [unit, rest] = [0, value]
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  return `${unit === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1).replace(/\.0$/, '')} ${units[unit]}`
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined) return '–'
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

/** The two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([value]) => value > 0)
  if (first === -1) return '0 s'
  const two = parts.slice(first, first + 2).filter(([value]) => value > 0)
  return two.map(([value, unit]) => `${value} ${unit}`).join(' ')
}

const blocks = '▁▂▃▄▅▆▇█'

/** The last values as a line of blocks. */
export function sparkline(values: readonly number[], width: number): string {
  const last = values.slice(-width)
  const highest = Math.max(1e-9, ...last)
  return last.map((value) => blocks[Math.min(7, Math.floor((value / highest) * 8))]).join('')
}

/** In so many columns: cut with an ellipsis, or filled up. */
export function fitted(text: string, width: number, isRight = false): string {
  if (width <= 0) return ''
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text
  return isRight ? cut.padStart(width) : cut.padEnd(width)
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB')
}

export type Tone = 'good' | 'warn' | 'bad' | 'quiet' | 'strong' | 'chosen'
const codes = { good: 32, warn: 33, bad: 31, quiet: 2, strong: 1, chosen: 7 } as const

/** Colours where somebody sees them; every state is a word as well. */
export function painter(isColoured: boolean): (tone: Tone, text: string) => string {
  return (tone, text) => (isColoured ? `\u001B[${codes[tone]}m${text}\u001B[0m` : text)
}
