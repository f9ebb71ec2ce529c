/** A big figure with its unit, what is usual or allowed, and the last minutes as a line. */
export function Figure({
  name,
  value,
  unit = '',
  usual,
  isHot = false,
  history,
}: {
  readonly name: string
  readonly value: string
  readonly unit?: string
  readonly usual: string
  /** Out of its usual range. */
  readonly isHot?: boolean
  readonly history: readonly number[]
}) {
  return (
    <div class={isHot ? 'fig hot' : 'fig'}>
      <h3>{name}</h3>
      <p>
        {value}
        <small> {unit}</small>
      </p>
      <span class="usual">{usual}</span>
      <Sparkline values={history} />
    </div>
  )
}

function Sparkline({ values }: { readonly values: readonly number[] }) {
  const highest = Math.max(1e-9, ...values)
  const step = 100 / Math.max(1, values.length - 1)
  const points = values.map(
    (value, index) => `${(index * step).toFixed(1)} ${(23 - (value / highest) * 22).toFixed(1)}`,
  )
  const line = points.length === 0 ? '' : `M${points.join('L')}`
  return (
    <svg class="s1" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      {line !== '' && <path class="area" d={`${line}L100 24L0 24Z`} />}
      <path class="line" d={line} />
    </svg>
  )
}

const near = 0.8

/** How much of what is allowed is used, with the option's name. A limit of 0 is none. */
export function LimitBar({
  name,
  used,
  limit,
  format,
}: {
  readonly name: string
  readonly used: number
  readonly limit: number
  readonly format: (value: number) => string
}) {
  const share = limit === 0 ? 0 : used / limit
  const state = share >= 1 ? 'over' : share >= near ? 'near' : ''
  return (
    <li class={`limit ${state}`}>
      <code title={name}>{name}</code>
      <span class="v">
        {format(used)} / {limit === 0 ? 'no limit' : format(limit)}
      </span>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="rail-bg" width="100" height="4" />
        <rect class="use" width={Math.min(100, share * 100)} height="4" />
      </svg>
    </li>
  )
}
