import type { KeyObject, webcrypto } from 'node:crypto'

/** A key that signatures are verified with. */
export type VerificationKey = KeyObject | webcrypto.CryptoKey

/** What a token's header says about the key that signed it. */
export interface KeyHint {
  readonly algorithm: string
  readonly keyId: string | undefined
}

/** The keys of one issuer in one place: one static key, or a JWK Set that changes over time. */
export interface KeySource {
  /** Grows whenever a key may have gone: what was verified under an earlier generation counts no more. */
  readonly generation: number
  /** The keys that may have signed, without any I/O. */
  find(hint: KeyHint): readonly VerificationKey[]
  /**
   * Looks for newer keys, when the source has such and was not asked too recently.
   * True when looking again may help. Never rejects.
   */
  refresh(): boolean | Promise<boolean>
  close(): void
}

/** An issuer's keys for one role, and the algorithms that its tokens may use there. */
export interface RoleKeySource {
  readonly source: KeySource
  /** One key that was configured, as against a JWK Set that others fill. */
  readonly isStatic: boolean
  readonly algorithms: ReadonlySet<string>
}
