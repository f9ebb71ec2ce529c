import type { Cohort, DeliveryFailure } from './cohort.ts'

/** Milliseconds of writing after which a pass yields to the event loop. */
const sliceMs = 8
/** Members served between two looks at the clock. */
const stride = 64

/**
 * One pass over the cohorts that have something to deliver: each member gets at most one write.
 *
 * Writing 15,000 sockets takes longer than publishers, new connections and health checks may wait
 * (8 µs each), so the pass is cut into slices. Nothing is routed until it is over: entries that come
 * meanwhile wait in the log and share the next pass, which is what makes a busy hub cheaper per
 * delivery, and keeps batches from overtaking one another.
 *
 * @param pause lets the event loop turn between two slices
 */
export async function deliverAll(
  cohorts: readonly Cohort[],
  pause: () => Promise<void>,
  onFailure: DeliveryFailure,
): Promise<void> {
  let deadline = performance.now() + sliceMs
  for (const cohort of cohorts) {
    let seat: number | undefined = 0
    while ((seat = cohort.deliver(seat, stride, onFailure)) !== undefined)
      if (performance.now() > deadline) deadline = await nextSlice(pause)
    if (performance.now() > deadline) deadline = await nextSlice(pause)
  }
}

async function nextSlice(pause: () => Promise<void>): Promise<number> {
  await pause()
  return performance.now() + sliceMs
}
