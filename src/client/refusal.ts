/** The hub refused for good; `message` is its sentence. */
export class HubRefusal extends Error {
  override readonly name = 'HubRefusal'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A refusal's reason is a sentence; more than this is not read. */
const maxReasonBytes = 4096

/** A response that is no success, in one line: `403 Forbidden: this token does not grant …`. */
export async function reasonOf(response: Response): Promise<string> {
  const { status, statusText } = response
  const line = (await beginningOf(response)).trim().split('\n')[0] ?? ''
  const head = `${status} ${statusText}`.trim()
  if (line === '' || line === statusText) return head
  return statusText === '' || line.startsWith(`${statusText}: `)
    ? `${status} ${line}`
    : `${head}: ${line}`
}

/** Whether the same request may succeed later. */
export function isPassing(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429
}

/** Why no answer came: `fetch` hides it in the cause. */
export function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof Error && 'code' in cause && !cause.message.includes(String(cause.code)))
    return `${String(cause.code)} ${cause.message}`.trim()
  return cause instanceof Error ? failureOf(cause) : error.message
}

async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let bytes = 0; reader !== undefined && bytes < maxReasonBytes;) {
      const { done, value } = await reader.read()
      if (done) break
      bytes += value.length
      text += decoder.decode(value, { stream: true })
    }
  } catch {
    // cut while it explained itself
  }
  void reader?.cancel().catch(() => {}) // nobody waits for the rest
  return text.slice(0, maxReasonBytes)
}
