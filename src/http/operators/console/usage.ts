/** A bound and how much of it is used. */
export interface Usage {
  /** The option's name in the environment, or a few words where there is no option. */
  readonly option: string
  readonly used: number
  readonly limit: number
  readonly unit: 'count' | 'bytes'
}
