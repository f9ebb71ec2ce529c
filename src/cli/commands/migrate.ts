import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { configurationFile } from '../../config/migrate/document.ts'
import { settingsOf } from '../../config/migrate/settings-of.ts'
import { Arguments } from '../arguments.ts'
import { note, print } from '../output.ts'

export const migrateHelp = `Usage: cinnabar migrate FILE

Prints a commented cinnabar.yaml that stands for a Caddyfile, a compose file or an environment
file (.env) of the Go hub; - reads it from stdin. Keys are printed as they are: keep the output
where only the hub reads it. What has no counterpart is a comment at the end.

Exit code: 0 printed, 1 the file cannot be read, 2 bad usage.
`

/** `cinnabar migrate`: another hub's configuration in our options. Resolves with the exit code. */
export async function migrate(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, {})
  const [path, ...more] = args.positionals
  if (path === undefined || more.length > 0) args.problems.push('expected one FILE')
  args.expectNoProblems()
  const file = path ?? ''
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    note('migrate', `cannot read ${JSON.stringify(file)} (${code})`)
    return 1
  }
  try {
    const name = file === '-' ? 'standard input' : basename(file)
    await print(configurationFile(name, settingsOf(file, text)))
    return 0
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    note('migrate', `cannot understand ${JSON.stringify(file)}: ${line}`)
    return 1
  }
}
