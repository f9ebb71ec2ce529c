import { once } from 'node:events'

/** Writes to stdout, and waits when whoever reads it is slower. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** Text that a stranger chose, for a terminal: what would move its cursor, or hide, is shown as an escape. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' ? character : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

/** How this process talks: `--json` writes objects, one per line; `--quiet` nothing but results and failures. */
const manner = { isJson: false, isQuiet: false }

export function talk({ isJson, isQuiet }: Readonly<typeof manner>): void {
  manner.isJson = isJson
  manner.isQuiet = isQuiet
}

export function isQuiet(): boolean {
  return manner.isQuiet
}

/** What was asked for: text for people, or with `--json` the same as an object. */
export async function answer(text: string, value: object): Promise<void> {
  await print(manner.isJson ? `${JSON.stringify(value)}\n` : text)
}

/** Something worth knowing, on stderr: stdout is for what was asked. */
export function note(command: string, sentence: string): void {
  if (!manner.isQuiet) say('note', command, sentence)
}

/** Why it did not work. */
export function complain(command: string, sentence: string): void {
  say('error', command, sentence)
}

function say(kind: 'note' | 'error', command: string, sentence: string): void {
  const line = manner.isJson
    ? JSON.stringify({ [kind]: sentence, command })
    : `cinnabar ${command}: ${sentence}`
  process.stderr.write(`${line}\n`)
}

/** `cinnabar … | head` is no failure: when stdout is gone, there is nobody left to tell. */
export function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}
