import { acceptBacklogLimit, openFilesLimit } from '../../app/host-limits.ts'
import { examineSettings, type Examined } from '../../config/load.ts'
import type { Settings } from '../../config/settings.ts'
import { serveFlags } from '../../config/sources/sources.ts'
import { reservedFiles } from '../../http/connection/connection-limit.ts'
import { backlog } from '../../http/server.ts'
import type { StoreFinding } from '../../log/lmdb/repair/check.ts'
import { Arguments } from '../arguments.ts'
import { answer, isQuiet } from '../output.ts'
import { ProgressLine } from '../progress-line.ts'

export const checkHelp = `Usage: cinnabar check [--repair] [--compact] [--config FILE] [options of serve]

Checks what a hub with the same options, environment and file would run with: the
configuration, the history (every page, record and index row), and the machine's limits.
Prints a line per finding. A running hub may go on; --repair and --compact need it stopped.

  --repair         writes a new history of everything that is whole in a damaged one, says
                   what it dropped, and keeps the damaged file beside it
  --compact        gives the room that trimmed updates left back to the disk
  --config FILE    the hub's configuration file
  --json           a finding per line as an object
  --quiet          no line for what is fine

Run it with the environment of the service: what is set there is not set in your shell, and
without keys no hub starts. With --repair and --compact a bad configuration is a warning.

Exit code: 0 nothing is wrong (there may be warnings), 1 something is, 2 unknown flag.
`

interface Finding {
  readonly kind: StoreFinding['kind']
  readonly about: 'configuration' | 'history' | 'machine'
  readonly what: string
}

const somethingWrong = 1

/** `cinnabar check`: checks everything, mends what is asked for. Resolves with the exit code. */
export async function check(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, { ...serveFlags, repair: 'switch', compact: 'switch' })
  const [repair, compact] = [args.isOn('repair'), args.isOn('compact')]
  args.expectNoPositionals()
  args.expectNoProblems()
  const settingsArgv = argv.filter((one) => !/^--(repair|compact|json|quiet)(=|$)/.test(one))
  const examined = examineSettings({ argv: settingsArgv, env: process.env })
  const isMending = repair || compact

  let isWrong = false
  for (const part of [
    isMending ? configuration(examined).map(toldOnly) : configuration(examined),
    history(examined, { repair, compact }),
    machine(examined),
  ])
    for (const { kind, about, what } of await part) {
      isWrong ||= kind === 'wrong'
      if (kind !== 'ok' || !isQuiet())
        await answer(`${kind.padEnd(8)} ${about}: ${what}\n`, { kind, about, what })
    }
  return isWrong ? somethingWrong : 0
}

function configuration({ problems, warnings }: Examined): readonly Finding[] {
  const about = 'configuration'
  const findings: readonly Finding[] = [
    ...problems.map((what): Finding => ({ kind: 'wrong', about, what })),
    ...warnings.map((what): Finding => ({ kind: 'warning', about, what })),
  ]
  if (problems.length > 0) return findings
  return [{ kind: 'ok', about, what: 'every option is understood' }, ...findings]
}

/** Who mends a history is told of a bad configuration; whether the history is well is another matter. */
function toldOnly(finding: Finding): Finding {
  return finding.kind === 'wrong' ? { ...finding, kind: 'warning' } : finding
}

async function history(
  { settings, failed }: Examined,
  options: { readonly repair: boolean; readonly compact: boolean },
): Promise<readonly Finding[]> {
  const { transportUrl } = settings
  if (failed.has('transport_url')) return [] // told already
  const about = 'history'
  if (!transportUrl.startsWith('lmdb:')) {
    const what = `${transportUrl.split(':')[0]}: has no file to check`
    return [{ kind: 'ok', about, what }]
  }
  const { checkStore } = await import('../../log/lmdb/repair/check.ts') // LMDB is loaded where it is used
  const { watchProgress } = await import('../../log/lmdb/repair/progress.ts')
  const line = new ProgressLine()
  if (process.stderr.isTTY && !isQuiet()) watchProgress((...progress) => line.show(...progress))
  const findings = await checkStore(transportUrl.slice('lmdb:'.length), options)
  line.clear()
  return findings.map(({ kind, what }) => ({ kind, about, what }))
}

/** Limits that the kernel sets, whatever the configuration says. */
function machine({ settings }: Examined): readonly Finding[] {
  const findings = [...openFileFindings(settings), ...backlogFindings()]
  if (findings.length > 0) return findings
  return [{ kind: 'ok', about: 'machine', what: 'its limits are as high as the hub needs them' }]
}

/** Below, a hub that bounds nothing would soon meet the limit. */
const fewFiles = 4096

function openFileFindings({ maxSubscribers }: Settings): readonly Finding[] {
  const limit = openFilesLimit()
  if (limit === undefined) return []
  const about = 'machine'
  const advice = 'raise it (ulimit -n, LimitNOFILE=)'
  const needed = maxSubscribers + reservedFiles
  if (maxSubscribers > 0 && needed > limit)
    return [
      {
        kind: 'wrong',
        about,
        what: `max_subscribers: ${maxSubscribers} need ${needed} open files, and the limit is ${limit}; ${advice}`,
      },
    ]
  if (maxSubscribers > 0 || limit >= fewFiles) return []
  const what = `${limit} files may be open, so about ${Math.max(0, limit - reservedFiles)} streams; ${advice}`
  return [{ kind: 'warning', about, what }]
}

function backlogFindings(): readonly Finding[] {
  const limit = acceptBacklogLimit()
  if (limit === undefined || limit >= backlog) return []
  const what = `${limit} connections may wait to be accepted, where the hub asks for ${backlog}; raise net.core.somaxconn`
  return [{ kind: 'warning', about: 'machine', what }]
}
