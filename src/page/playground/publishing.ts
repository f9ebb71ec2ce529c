import { authorization, hubUrl, refusalOf } from './hub.ts'
import { updateForm, type UpdateWish } from './spelling.ts'

/** What became of a publish; `status` 0: nobody answered. */
export interface Outcome {
  readonly wish: UpdateWish
  readonly atMs: number
  readonly tookMs: number
  readonly status: number
  /** The id, or why not. */
  readonly says: string
  /** How many were accepted of how many, when it was repeated. */
  readonly accepted: number
  readonly times: number
}

export const mostTimes = 1_000
const atOnce = 6

/** Publishes an update so many times, and stops at the first that is refused. */
export async function publish(wish: UpdateWish, token: string, times: number): Promise<Outcome> {
  const [atMs, started] = [Date.now(), performance.now()]
  let [next, accepted] = [0, 0]
  let last = { status: 0, says: '' }
  let refused: typeof last | undefined
  const sendSome = async () => {
    while (next < times && refused === undefined) {
      const number = ++next
      const isOneOfMany = times > 1 && wish.id !== ''
      const answer = await send(isOneOfMany ? { ...wish, id: `${wish.id}-${number}` } : wish, token)
      if (answer.status !== 200) refused ??= answer
      else accepted++
      last = answer
    }
  }
  await Promise.all(Array.from({ length: Math.min(times, atOnce) }, sendSome))
  const tookMs = Math.round(performance.now() - started)
  return { wish, atMs, tookMs, accepted, times, ...(refused ?? last) }
}

async function send(wish: UpdateWish, token: string) {
  try {
    const response = await fetch(hubUrl, {
      method: 'POST',
      headers: { ...authorization(token), accept: 'application/json, text/plain' },
      body: updateForm(wish),
    })
    if (response.ok) return { status: response.status, says: (await response.text()).trim() }
    return await refusalOf(response)
  } catch {
    return { status: 0, says: 'the hub does not answer' }
  }
}
