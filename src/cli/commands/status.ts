import type { Stats } from '../../http/operators/console/source.ts'
import { Arguments } from '../arguments.ts'
import { Admin, adminFlags, adminFlagsHelp } from '../client/admin.ts'
import { note, print } from '../output.ts'
import { painter } from '../screen/figures.ts'
import { headLines, limitLines, warningLines } from '../screen/overview.ts'

export const statusHelp = `Usage: cinnabar status [options]

Tells on one screen how the hub is: ready or why not, what it does, how much of its
limits is used, and the last warnings of its log.

  --json         what the hub answers, for programs
${adminFlagsHelp}
Exit code 0: ready; 1: not ready, or not reachable.
`

const mostWarnings = 5
const shownS = 60

/** `cinnabar status`: resolves with the exit code. */
export async function status(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, { ...adminFlags, json: 'switch' })
  args.expectNoPositionals()
  const isJson = args.isOn('json')
  const admin = Admin.of(args)
  try {
    const stats = await admin.ask<Stats>(
      `/debug/stats?after=${Math.floor(Date.now() / 1000) - shownS}`,
    )
    await print(isJson ? `${JSON.stringify(stats)}\n` : screenOf(stats))
    return stats.now.isReady ? 0 : 1
  } catch (error) {
    note('status', error instanceof Error ? error.message : String(error))
    return 1
  }
}

function screenOf(stats: Stats): string {
  const paint = painter(process.stdout.isTTY)
  const warnings = warningLines(stats, mostWarnings, paint)
  return [
    ...headLines(stats, paint),
    '',
    ...limitLines(stats.now.limits, paint),
    ...(warnings.length === 0 ? [] : ['', ...warnings]),
    '',
  ].join('\n')
}
