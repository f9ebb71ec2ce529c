import type { AskedMatcher, Check, Explanation } from '../../auth/explain.ts'
import { Arguments } from '../arguments.ts'
import { hubUrl } from '../hub-address.ts'
import { note, print, printable } from '../output.ts'
import { secretText } from '../secret-text.ts'
import { judgeOf } from '../tokens/judge.ts'

export const explainHelp = `Usage: cinnabar explain --token T --topic T… [--match M]… [--private] [options]

Tells whether the bearer of a token would receive an update or, with --publish, may publish it,
and why not. Decides by the hub's own settings (environment, file), without asking a running hub.

  --token TOKEN       the token; @FILE reads it, @- from stdin; without: nobody in particular
  --topic T           a topic of the update; repeatable, the first is canonical
  --match M           what the stream asks for: the topic M, or all with "*"; repeatable
  --urlpattern P      what it asks for by URL Pattern; repeatable
  --selector S        what it asks for in protocol 0.x: a topic or URI Template; repeatable
  --private           the update is private
  --publish           may it be published, instead of received
  --hub URL           the hub's whole URL; default: the one of the settings,
                      http://127.0.0.1:3000/.well-known/mercure
  --config FILE       the hub's configuration file

Exit code 0: yes; 1: no, and the first line says why.
`

const flags = {
  token: 'text',
  topic: 'list',
  match: 'list',
  urlpattern: 'list',
  selector: 'list',
  private: 'switch',
  publish: 'switch',
  hub: 'text',
  config: 'text',
} as const

/** `cinnabar explain`: says yes or no, and why. Resolves with the exit code. */
export async function explain(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, flags)
  args.expectNoPositionals()
  const token = args.parsed('token', secretText)
  const hub = args.parsed('hub', hubUrl)
  const topics = args.list('topic')
  if (topics.length === 0) args.problems.push('expected a topic: --topic, got none')
  const question = { topics, matchers: matchersOf(args), isPrivate: args.isOn('private') }
  const role = args.isOn('publish') ? 'publisher' : 'subscriber'
  args.expectNoProblems()
  const judge = await judgeOf(args.text('config'), hub)
  try {
    for (const sentence of judge.notes) note('explain', sentence)
    const explanation = await judge.explain(role, token, question)
    await print(printable(linesOf(explanation)))
    return explanation.isAllowed ? 0 : 1
  } finally {
    judge.close()
  }
}

function matchersOf(args: Arguments): readonly AskedMatcher[] {
  const asked = (flag: 'match' | 'urlpattern' | 'selector', type: AskedMatcher['type']) =>
    args.list(flag).map((pattern) => ({ type, pattern }))
  return [
    ...asked('match', 'exact'),
    ...asked('urlpattern', 'urlpattern'),
    ...asked('selector', 'selector'),
  ]
}

function linesOf({ isAllowed, says, checks }: Explanation): string {
  return [`${isAllowed ? 'yes' : 'no'}: ${says}`, ...checks.map(lineOf)].join('\n') + '\n'
}

/** A check in a line, as `cinnabar check` writes its findings. */
function lineOf({ about, isMet, says }: Check): string {
  return `  ${(isMet ? 'ok' : 'no').padEnd(3)} ${about.padEnd(8)} ${says}`
}
