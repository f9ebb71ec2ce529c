/** A primary that loses its replicas may be about to lose its office: that long nothing is acknowledged without one. */
const graceMs = 15_000

/**
 * How many replicas have to confirm an append.
 *
 * Unless the URL says so, it is one where there are any. While another server is made the primary, the old
 * one goes on taking writes, alone, for some seconds, and all of them are lost; so a primary whose replicas
 * went away is not believed until long after Sentinel, or the Cluster, would have said so.
 */
export class Replicas {
  readonly #wanted: number | undefined
  readonly #onAlone: () => void
  #server = ''
  #count = 0
  #most = 0
  #goneAtMs: number | undefined

  /** @param onAlone updates are acknowledged without a replica from now on, though there was one */
  constructor(wanted: number | undefined, onAlone: () => void) {
    this.#wanted = wanted
    this.#onAlone = onAlone
  }

  /** Some that were here are not: has another server become the primary? */
  get areFewer(): boolean {
    return this.#count < this.#most
  }

  /** Notes how many a server has. Another server begins anew. */
  note(server: string, count: number): void {
    if (server !== this.#server) {
      this.#server = server
      this.#most = 0
    }
    this.#count = count
    this.#most = Math.max(this.#most, count)
    if (!this.areFewer || count > 0) this.#goneAtMs = undefined
    else this.#goneAtMs ??= performance.now()
    if (this.#goneAtMs === undefined || performance.now() - this.#goneAtMs < graceMs) return
    this.#most = 0
    this.#goneAtMs = undefined
    if (this.#wanted === undefined) this.#onAlone()
  }

  get needed(): number {
    return this.#wanted ?? Math.min(1, this.#most)
  }
}
