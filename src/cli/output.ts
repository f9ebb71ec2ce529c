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

/** A sentence on stderr: stdout is for what was asked. */
export function note(command: string, sentence: string): void {
  process.stderr.write(`cinnabar ${command}: ${sentence}\n`)
}

/** `cinnabar … | head` is no failure: when stdout is gone, there is nobody left to tell. */
export function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}
