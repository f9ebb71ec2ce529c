/**
 * Tells something that may happen thousands of times a second: the first time at once, then at most
 * every `everyMs`, with how often it happened since it was told last.
 */
export function seldom(everyMs: number, tell: (times: number) => void): () => void {
  let times = 0
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    timer = undefined
    if (times === 0) return
    tell(times)
    times = 0
    timer = setTimeout(flush, everyMs).unref()
  }
  return () => {
    times++
    if (timer === undefined) flush()
  }
}
