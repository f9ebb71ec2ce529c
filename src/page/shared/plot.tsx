import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { clock } from './format.ts'
import { useThemeChanges } from './theme.tsx'

export interface Series {
  readonly label: string
  /** Which of the six colours of data; see tokens.css. */
  readonly colour: 's1' | 's2' | 's3' | 's4' | 's5' | 's6'
  readonly format: (value: number) => string
  readonly kind?: 'line' | 'area' | 'bars'
}

/** Columns over the same moments: seconds since the epoch, then one list of values per series. */
export type PlotData = readonly [
  times: readonly number[],
  ...values: readonly (readonly (number | null)[])[],
]

/**
 * A plot over time: title left, unit right, a legend with the values at the hover line (without one: the last),
 * and one hover line on all plots with the same `sync`.
 *
 * @param says the figures in words, for who does not see the picture
 * @param band fills between the first series and the second: p50 to p99
 * @param sinceMs shades from here on: an incident
 */
export function Plot({
  title,
  unit,
  says,
  series,
  data,
  sync = 'all',
  band = false,
  sinceMs,
}: {
  readonly title: string
  readonly unit: string
  readonly says: string
  readonly series: readonly Series[]
  readonly data: PlotData
  readonly sync?: string
  readonly band?: boolean
  readonly sinceMs?: number | undefined
}) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const since = useRef(sinceMs)
  since.current = sinceMs
  const [hovered, setHovered] = useState<number | undefined>()
  const theme = useThemeChanges()

  useEffect(() => {
    const element = place.current
    if (element === null) return
    const options = optionsOf(element, { series, sync, band, since, onHover: setHovered })
    plot.current = new uPlot(options, data as uPlot.AlignedData, element)
    const observer = new ResizeObserver(() => plot.current?.setSize(roomOf(element)))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [theme, series.length])

  useEffect(() => {
    if (!document.hidden) plot.current?.setData(data as uPlot.AlignedData)
  }, [data, sinceMs])

  const at = hovered ?? data[0].length - 1
  return (
    <figure class="plot">
      <figcaption>
        {title}
        <span>{unit}</span>
      </figcaption>
      <p class="legend">
        {series.map(({ label, colour, format }, index) => (
          <span key={label} class={colour}>
            <i />
            {label} <b>{formatted(data[index + 1]?.[at], format)}</b>
          </span>
        ))}
        {hovered !== undefined && <span class="quiet">at {clock((data[0][at] ?? 0) * 1000)}</span>}
      </p>
      <div class="canvas" ref={place} role="img" aria-label={`${title}: ${says}`} />
    </figure>
  )
}

function formatted(value: number | null | undefined, format: Series['format']): string {
  return value === null || value === undefined ? '–' : format(value)
}

interface Wishes {
  readonly series: readonly Series[]
  readonly sync: string
  readonly band: boolean
  readonly since: { readonly current: number | undefined }
  readonly onHover: (index: number | undefined) => void
}

function optionsOf(element: HTMLElement, wishes: Wishes): uPlot.Options {
  const colour = coloursOf(element)
  const { series, band } = wishes
  const text = { font: `11px ${getComputedStyle(element).fontFamily}`, stroke: colour('--text-3') }
  const grid = { stroke: colour('--grid'), width: 1 }
  const ticks = { show: false }
  const firstFormat = series[0]?.format ?? String
  return {
    ...roomOf(element),
    padding: [6, 4, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: false, y: false },
      sync: { key: wishes.sync },
    },
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      {
        ...text,
        ticks,
        grid: { show: false },
        size: 20,
        gap: 2,
        space: 60,
        values: (_plot, times) => times.map(minuteOf),
      },
      {
        ...text,
        ticks,
        grid,
        size: 52,
        gap: 4,
        space: 36,
        values: (_plot, values) => values.map(firstFormat),
      },
    ],
    series: [{}, ...series.map((one) => seriesOf(one, colour))],
    ...(band
      ? { bands: [{ series: [2, 1] as [number, number], fill: `${colour('--s2')}24` }] }
      : {}),
    hooks: {
      setCursor: [({ cursor }) => wishes.onHover(cursor.idx ?? undefined)],
      drawClear: [(plot) => shade(plot, wishes.since.current, colour('--s5'))],
    },
  }
}

function seriesOf(
  { label, colour: name, kind = 'line' }: Series,
  colour: (token: string) => string,
): uPlot.Series {
  const stroke = colour(`--${name}`)
  const bars = uPlot.paths.bars?.({ size: [0.8, 12] })
  return {
    label,
    stroke,
    width: 1.5,
    points: { show: false },
    ...(kind === 'line' ? {} : { fill: kind === 'bars' ? stroke : `${stroke}24` }),
    ...(kind === 'bars' && bars !== undefined ? { paths: bars } : {}),
  }
}

/** What happened since then stands on a ground of its own. */
function shade(plot: uPlot, sinceMs: number | undefined, colour: string): void {
  if (sinceMs === undefined) return
  const { left, top, width, height } = plot.bbox
  const start = Math.max(left, plot.valToPos(sinceMs / 1000, 'x', true))
  if (!(start < left + width)) return
  plot.ctx.save()
  plot.ctx.fillStyle = `${colour}14`
  plot.ctx.fillRect(start, top, left + width - start, height)
  plot.ctx.fillStyle = colour
  plot.ctx.fillRect(start, top, 1, height)
  plot.ctx.restore()
}

/** A canvas knows no custom properties: the colours are read from the page, again after a change of theme. */
function coloursOf(element: HTMLElement): (token: string) => string {
  const style = getComputedStyle(element)
  return (token) => style.getPropertyValue(token).trim()
}

function roomOf(element: HTMLElement): { readonly width: number; readonly height: number } {
  return { width: Math.max(150, element.clientWidth), height: Math.max(40, element.clientHeight) }
}

function minuteOf(seconds: number): string {
  return clock(seconds * 1000).slice(0, 5)
}
