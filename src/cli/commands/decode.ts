import type { Role } from '../../auth/authenticator.ts'
import type { Explanation } from '../../auth/explain.ts'
import { note, print, printable } from '../output.ts'
import { judgeOf } from '../tokens/judge.ts'

const roles: readonly Role[] = ['publisher', 'subscriber']
const noQuestion = { topics: [], matchers: [], isPrivate: false }

/**
 * `cinnabar token --decode`: what a token says, without its signature, and whether this hub would take it.
 * Resolves with the exit code: 0 when it would, from a publisher or a subscriber.
 */
export async function decode(token: string, config: string | undefined): Promise<number> {
  const judge = await judgeOf(config)
  try {
    for (const sentence of judge.notes) note('token', sentence)
    const verdicts: Explanation[] = []
    for (const role of roles) verdicts.push(await judge.explain(role, token, noQuestion))
    const lines = [...said(verdicts[0]), ...verdicts.map((one, at) => verdictOf(roles[at], one))]
    await print(printable(`${lines.join('\n')}\n`))
    return verdicts.some(({ isAllowed }) => isAllowed) ? 0 : 1
  } finally {
    judge.close()
  }
}

function said(explanation: Explanation | undefined): readonly string[] {
  const token = explanation?.token
  if (token === undefined) return []
  const { header, claims, protocol, expiresAtMs } = token
  return [
    `header ${JSON.stringify(header, null, 2)}`,
    `claims ${JSON.stringify(claims, null, 2)}`,
    `protocol ${protocol}`,
    expiresAtMs === undefined ? 'expires never' : `expires ${new Date(expiresAtMs).toISOString()}`,
  ]
}

function verdictOf(role: Role | undefined, { isAllowed, says }: Explanation): string {
  return `${role}: ${isAllowed ? 'accepted' : `refused, ${says}`}`
}
