import { compactVerify } from 'jose'
import type { KeyHint, RoleKeySource, VerificationKey } from '../keys/key-source.ts'
import { invalidToken } from '../refusal.ts'
import type { Token } from './decode.ts'

/** RFC 7515 § 4.1.11: `crit` names what must be understood, and this hub understands none of it. */
export function readHint({ header: { alg, kid, crit } }: Token): KeyHint {
  if (crit !== undefined)
    throw invalidToken('format', 'the token has critical headers that are unknown here')
  if (typeof alg !== 'string')
    throw invalidToken('format', 'the token must name its algorithm (header alg)')
  if (kid !== undefined && typeof kid !== 'string')
    throw invalidToken('format', 'the key id of the token (header kid) must be a string')
  return { algorithm: alg, keyId: kid }
}

/** Returns the generation of the keys that verified the token. */
export async function verifySignature(
  token: Token,
  hint: KeyHint,
  { source, algorithms }: RoleKeySource,
): Promise<number> {
  if (!algorithms.has(hint.algorithm)) throw unverified('algorithm')

  const { generation } = source
  const keys = source.find(hint)
  if (await isSignedBy(keys, token, hint)) return generation

  // With a key id, only an unknown one is a reason to look for newer keys; without, any of them may be new.
  const isKnown = keys.length > 0
  if (isKnown && hint.keyId !== undefined) throw unverified('signature')
  if (!(await source.refresh())) throw unverified(isKnown ? 'signature' : 'key')

  const renewed = source.generation
  const newKeys = source.find(hint)
  if (renewed === generation || !(await isSignedBy(newKeys, token, hint)))
    throw unverified(newKeys.length > 0 ? 'signature' : 'key')
  return renewed
}

async function isSignedBy(
  keys: readonly VerificationKey[],
  token: Token,
  { algorithm }: KeyHint,
): Promise<boolean> {
  for (const key of keys) {
    try {
      await compactVerify(token.text, key, { algorithms: [algorithm] })
      return true
    } catch {
      // not this one: why not is nobody's business
    }
  }
  return false
}

/** One sentence for all three: a stranger shall not find out which keys and algorithms there are. */
function unverified(cause: 'algorithm' | 'key' | 'signature'): Error {
  return invalidToken(
    cause,
    'the token must be signed by its issuer, with an algorithm and a key that the hub knows for it',
  )
}
