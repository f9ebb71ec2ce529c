import { init } from 'echarts'
import type { Bench, Figure } from './bench.ts'
import type { PointResult } from './results.ts'

export interface Plot {
  readonly bench: Bench
  readonly figure: Figure
  readonly points: readonly PointResult[]
  readonly title: string
}

/** Readable on a light and a dark page, and without telling colours apart: each line has its own mark. */
const colours = ['#d1432b', '#2f6fb3', '#6b8e23', '#8a5fb0', '#b0892f']
const marks = ['circle', 'rect', 'triangle', 'diamond', 'pin']

/** A figure of each contestant against the axis of its bench, as SVG. */
export function plot({ bench, figure, points, title }: Plot): string {
  const names = [...new Set(points.flatMap(({ contestants }) => Object.keys(contestants)))]
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 720, height: 360 })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: colours,
    title: { text: title, left: 16, top: 8, textStyle: { fontSize: 14 } },
    legend: { bottom: 4 },
    grid: { left: 70, right: 30, top: 50, bottom: 70 },
    xAxis: {
      type: bench.isLogarithmic === true ? 'log' : 'value',
      name: bench.axis,
      nameLocation: 'middle',
      nameGap: 26,
    },
    yAxis: { type: 'value', min: 0 },
    series: names.map((name, index) => ({
      name,
      type: 'line',
      symbol: marks[index % marks.length],
      symbolSize: 8,
      data: points.flatMap(({ x, contestants }) => {
        const median = contestants[name]?.[figure.key]?.median
        return median === undefined ? [] : [[x, median * (figure.factor ?? 1)]]
      }),
    })),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
