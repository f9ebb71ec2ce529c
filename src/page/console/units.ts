/** 0.4 ms, 12 ms, 4.8 s */
export function ms(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

/** 423, 63.4 k, 1.2 M */
export function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`
  return value >= 1e4
    ? `${(value / 1e3).toFixed(1)} k`
    : String(Number(value.toFixed(value < 10 ? 1 : 0)))
}

export function percent(value: number): string {
  return `${Math.round(value)} %`
}
