import { emitKeypressEvents } from 'node:readline'
import type { Stats, StreamList, StreamRow } from '../../http/operators/console/source.ts'
import { Arguments } from '../arguments.ts'
import { Admin, adminFlags, adminFlagsHelp } from '../client/admin.ts'
import { note, print, printable } from '../output.ts'
import { bytes, clock, count, fitted, painter } from '../screen/figures.ts'
import { headLines } from '../screen/overview.ts'

export const topHelp = `Usage: cinnabar top [options]

Shows once a second what the hub does, and its streams, those with most pending bytes
first. Without a terminal it prints one screen.

Keys: p sorts by pending bytes, s by age, a by address, m by match; up and down choose a
stream, k closes it (y confirms); space pauses, q ends.

${adminFlagsHelp}
Exit code 0; 1: not reachable.
`

const everyMs = 1_000
const shownS = 60
const mostStreams = 200
const hint = 'p pending  s since  a address  m match  ↑↓ choose  k kick  space pause  q quit'

const orders = {
  p: (one: StreamRow, other: StreamRow) => other.pendingBytes - one.pendingBytes,
  s: (one: StreamRow, other: StreamRow) => one.sinceMs - other.sinceMs,
  a: (one: StreamRow, other: StreamRow) => compare(one.address ?? '', other.address ?? ''),
  m: (one: StreamRow, other: StreamRow) => compare(matchOf(one), matchOf(other)),
} as const

/** `cinnabar top`: resolves with the exit code when somebody ends it. */
export async function top(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, adminFlags)
  args.expectNoPositionals()
  const admin = Admin.of(args)
  const view = new View(admin)
  try {
    await view.look()
  } catch (error) {
    note('top', error instanceof Error ? error.message : String(error))
    return 1
  }
  if (!process.stdout.isTTY || !process.stdin.isTTY) {
    await print(`${view.lines(100, 40).join('\n')}\n`)
    return 0
  }
  await new Terminal(view).run()
  return 0
}

/** What is shown, apart from the terminal it is shown on. */
class View {
  readonly #admin: Admin
  #stats: Stats | undefined
  #streams: readonly StreamRow[] = []
  #total = 0
  #order: keyof typeof orders = 'p'
  #chosen: string | undefined
  #asked: StreamRow | undefined
  #said = hint
  isPaused = false

  constructor(admin: Admin) {
    this.#admin = admin
  }

  /** @throws Error with a sentence for the operator */
  async look(): Promise<void> {
    const [stats, list] = await Promise.all([
      this.#admin.ask<Stats>(`/debug/stats?after=${Math.floor(Date.now() / 1000) - shownS}`),
      this.#admin.ask<StreamList>(`/debug/streams?limit=${mostStreams}`),
    ])
    this.#stats = stats
    this.#streams = list.streams
    this.#total = list.total
  }

  say(sentence: string): void {
    this.#said = sentence
  }

  /** True when it is to end. */
  async press(key: string): Promise<boolean> {
    if (this.#asked !== undefined) await this.#answer(this.#asked, key)
    else if (key === 'q') return true
    else if (key === 'space') this.isPaused = !this.isPaused
    else if (key === 'up' || key === 'down') this.#move(key === 'up' ? -1 : 1)
    else if (key === 'k') this.#ask()
    else if (Object.hasOwn(orders, key)) this.#order = key as keyof typeof orders
    return false
  }

  lines(columns: number, rows: number): readonly string[] {
    if (this.#stats === undefined) return []
    const paint = painter(process.stdout.isTTY)
    const head = headLines(this.#stats, paint)
    const widths = [Math.max(10, columns - 66), 24, 16, 10, 10] as const
    const line = (cells: readonly string[]) =>
      cells.map((cell, index) => fitted(cell, widths[index] ?? 10, index > 2)).join(' ')
    const sorted = this.#sorted()
    const room = Math.max(1, rows - head.length - 4)
    const chosen = sorted.findIndex(({ id }) => id === this.#chosen)
    const first = Math.max(0, chosen - room + 1)
    const table = sorted.slice(first, first + room).map((row) => {
      const text = line([
        printable(matchOf(row)),
        printable(row.subject ?? 'anonymous'),
        row.address ?? '',
        clock(row.sinceMs),
        bytes(row.pendingBytes),
      ])
      return row.id === this.#chosen ? paint('chosen', text) : text
    })
    return [
      ...head,
      '',
      paint(
        'strong',
        line([`MATCH (${count(this.#total)})`, 'SUBJECT', 'ADDRESS', 'SINCE', 'PENDING']),
      ),
      ...table,
      paint('quiet', `${this.isPaused ? 'paused  ' : ''}${this.#said}`),
    ]
  }

  #sorted(): readonly StreamRow[] {
    return [...this.#streams].sort(orders[this.#order])
  }

  #move(step: number): void {
    const sorted = this.#sorted()
    const at = sorted.findIndex(({ id }) => id === this.#chosen)
    const next = at === -1 ? 0 : Math.max(0, Math.min(sorted.length - 1, at + step))
    this.#chosen = sorted[next]?.id
  }

  #ask(): void {
    const row = this.#streams.find(({ id }) => id === this.#chosen)
    if (row === undefined) return this.say('choose a stream first (↑↓)')
    if (row.target === undefined)
      return this.say('an anonymous stream has a name only where the hub keeps subscriptions')
    this.#asked = row
    const whom = 'sub' in row.target ? 'all streams of this subject' : 'this stream'
    this.say(`close ${whom} and refuse its token until it ends? ${printable(nameOf(row))}  y/n`)
  }

  async #answer(row: StreamRow, key: string): Promise<void> {
    this.#asked = undefined
    if (key !== 'y') return this.say(hint)
    try {
      const { closed } = await this.#admin.ask<{ readonly closed: number }>('/kick', row.target)
      this.say(`${closed} closed`)
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error))
    }
  }
}

/** The other screen of a terminal, given back as it was. */
class Terminal {
  readonly #view: View

  constructor(view: View) {
    this.#view = view
  }

  async run(): Promise<void> {
    const { stdin, stdout } = process
    const timer = setInterval(() => void this.#look(), everyMs)
    const draw = () => this.#draw()
    stdout.on('resize', draw)
    stdout.write('\u001B[?1049h\u001B[?25l')
    emitKeypressEvents(stdin)
    stdin.setRawMode(true)
    try {
      this.#draw()
      await this.#ended()
    } finally {
      clearInterval(timer)
      stdout.off('resize', draw)
      stdin.setRawMode(false)
      stdin.pause()
      stdout.write('\u001B[?25h\u001B[?1049l')
    }
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      const pressed = async (_text: unknown, key: { name?: string; ctrl?: boolean }) => {
        const isEnd = (key.ctrl && key.name === 'c') || (await this.#view.press(key.name ?? ''))
        if (!isEnd) return this.#draw()
        process.stdin.off('keypress', listener)
        resolve()
      }
      const listener = (text: unknown, key: { name?: string; ctrl?: boolean }) =>
        void pressed(text, key)
      process.stdin.on('keypress', listener)
    })
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    if (this.#view.isPaused) return
    try {
      await this.#view.look()
    } catch (error) {
      this.#view.say(`no answer, what stands here is from before: ${String(error)}`)
    }
    this.#draw()
  }

  #draw(): void {
    const { columns, rows } = process.stdout
    const lines = this.#view.lines(columns, rows).slice(0, rows)
    process.stdout.write(`\u001B[H${lines.map((line) => `${line}\u001B[K`).join('\n')}\u001B[J`)
  }
}

function nameOf(row: StreamRow): string {
  return row.subject ?? `${matchOf(row)} from ${row.address ?? 'an unknown address'}`
}

function matchOf({ matchers: [first, ...others] }: StreamRow): string {
  return `${first?.pattern ?? ''}${others.length === 0 ? '' : ` and ${others.length} more`}`
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
