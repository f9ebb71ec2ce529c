import type { Figures } from './load.ts'
import type { Contestant, Server } from './server.ts'

/** A column of the report. */
export interface Figure {
  /** Its name among the measured figures. */
  readonly key: string
  readonly title: string
  readonly unit: string
  /** Measured value → shown value. */
  readonly factor?: number
  /** Plotted against the bench's axis, when there is more than one point. */
  readonly isPlotted?: boolean
}

/** One measurement of a bench, made with each of its contestants in turn. */
export interface Point {
  /** Where it stands on the axis. */
  readonly x: number
  readonly contestants: readonly Contestant[]
  measure(server: Server): Promise<Figures>
}

/** One question, its measurements, and how they are shown. */
export interface Bench {
  readonly question: string
  /** What `x` counts; the plots' abscissa. */
  readonly axis: string
  readonly isLogarithmic?: boolean
  readonly figures: readonly Figure[]
  readonly points: readonly Point[]
  /** The contestant that others are compared with. */
  readonly comparedWith?: string
  /** What is not equal between the contestants, and what to read from the figures. */
  readonly remark?: string
}

/** Columns that several benches show. */
export const columns = {
  deliveries: { key: 'deliv_per_s', title: 'deliveries', unit: '1,000/s', factor: 0.001 },
  cpu: { key: 'srv_cpu_us_per_delivery', title: 'server CPU per delivery', unit: 'µs' },
  latencyP50: { key: 'lat_p50_us', title: 'delivery p50', unit: 'ms', factor: 0.001 },
  latencyP99: { key: 'lat_p99_us', title: 'delivery p99', unit: 'ms', factor: 0.001 },
  publishes: { key: 'pub_per_s', title: 'publishes', unit: '1/s' },
  publishP50: { key: 'pub_p50_us', title: 'publish p50', unit: 'ms', factor: 0.001 },
  publishP99: { key: 'pub_p99_us', title: 'publish p99', unit: 'ms', factor: 0.001 },
  memoryEach: { key: 'kb_per_conn', title: 'memory each', unit: 'KB' },
  connectCpu: { key: 'connect_cpu_us_per_conn', title: 'server CPU per connect', unit: 'µs' },
  memory: { key: 'mem_kb_after', title: 'memory', unit: 'MB', factor: 0.001 },
} as const satisfies Record<string, Figure>

export function plotted(figure: Figure): Figure {
  return { ...figure, isPlotted: true }
}
