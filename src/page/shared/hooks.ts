import { useEffect, useRef, useState } from 'preact/hooks'

/** Whether the window is like this, now and as it changes. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const changed = () => setMatches(list.matches)
    changed()
    list.addEventListener('change', changed)
    return () => list.removeEventListener('change', changed)
  }, [query])
  return matches
}

/** The time, in steps of `everyMs`; what shows a countdown or an age is drawn again by it. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now)
  useInterval(() => setNow(Date.now()), everyMs)
  return now
}

/** Runs now and again. The function may change; the interval goes on. */
export function useInterval(run: () => void, everyMs: number): void {
  const current = useRef(run)
  current.current = run
  useEffect(() => {
    const timer = setInterval(() => current.current(), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
}
