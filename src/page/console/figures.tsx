import type { Field } from '../../http/operators/console/samples.ts'
import { Figure } from '../shared/figure.tsx'
import { bytes, count } from '../shared/format.ts'
import { ms, short } from './units.ts'
import type { Watch } from './watch.ts'

/** The eight figures that say most, with what is usual. */
export function Figures({ watch }: { readonly watch: Watch }) {
  const limit = watch.now?.limits[0]?.limit ?? 0
  const figure = (
    name: string,
    field: Field,
    format: (value: number) => string,
    { rate = '', usual, isHot }: { rate?: string; usual?: string; isHot?: boolean } = {},
  ) => {
    const value = watch.value(field)
    const [figures = '–', unit = ''] = value === undefined ? [] : format(value).split(' ')
    const before = watch.usual(field)
    return (
      <Figure
        key={name}
        name={name}
        value={figures}
        unit={`${unit}${rate}`}
        usual={
          usual ?? (before === undefined ? 'since the start' : `usual ${format(before)}${rate}`)
        }
        isHot={isHot ?? false}
        history={watch.column(field).map((one) => one ?? 0)}
      />
    )
  }
  const [value, usual] = [watch.value.bind(watch), watch.usual.bind(watch)]
  const isDown = (field: Field) => (usual(field) ?? 0) > 5 && (value(field) ?? 0) === 0
  const isUp = (field: Field, least: number) =>
    (value(field) ?? 0) > Math.max(least, 5 * (usual(field) ?? 0))
  return (
    <section class="figs wide" aria-label="Now">
      <h2 class="sr">Now</h2>
      {figure('Connected streams', 'streams', count, {
        usual: limit === 0 ? 'no limit' : `of ${count(limit)}`,
        isHot: limit > 0 && (value('streams') ?? 0) >= limit,
      })}
      {figure('Publishes', 'publishes', short, { rate: '/s', isHot: isDown('publishes') })}
      {figure('Deliveries', 'deliveries', short, { rate: '/s', isHot: isDown('deliveries') })}
      {figure('Write p99', 'writeP99', ms, { isHot: isUp('writeP99', 100) })}
      {figure('Log lag', 'lag', ms, { isHot: isUp('lag', 1000) })}
      {figure('Bytes pending', 'pendingBytes', bytes, {
        usual: `largest ${bytes(value('pendingMost') ?? 0)}`,
        isHot: isUp('pendingBytes', 1e6),
      })}
      {figure('Memory', 'memory', bytes)}
      {figure('Event loop p99', 'loopP99', ms, { isHot: isUp('loopP99', 100) })}
    </section>
  )
}
