import { open } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { endianness } from 'node:os'

/** Told how many bytes the kernel holds that the peer has not acknowledged. */
type Told = (unacknowledgedBytes: number) => void

const readBytes = 64 * 1024
/** A scan may take a tenth of one thread's time, and never follows another at once. */
const restPerScan = 10
const leastRestMs = 50

/**
 * Looks into the kernel's send queues, for peers that seem to take nothing.
 *
 * The kernel says that a socket is writable again only when a third of its send buffer is free: up to
 * 1.4 MB of a steady reader's progress cannot be seen from Node, which is 14 s at 100 KB/s. Linux
 * shows each connection's unacknowledged bytes in /proc/net/tcp; one scan serves everybody who asks
 * meanwhile. It reads a page at a time, and only while somebody asks. Elsewhere nobody is told.
 */
class KernelQueues {
  readonly #asked = new Map<string, Told>()
  #isScanning = false
  #isAvailable = process.platform === 'linux'

  /**
   * Calls `told` once, soon, if the kernel's queue can be seen. A later question replaces an earlier one.
   *
   * @param key the connection, as `keyOf` names it
   */
  look(key: string | undefined, told: Told): void {
    if (!this.#isAvailable || key === undefined) return
    this.#asked.set(key, told)
    if (!this.#isScanning) void this.#scan()
  }

  /** Never rejects: what cannot be read is not seen. */
  async #scan(): Promise<void> {
    this.#isScanning = true
    while (this.#asked.size > 0) {
      const asked = new Map(this.#asked)
      this.#asked.clear()
      const started = performance.now()
      for (const family of ['tcp', 'tcp6'] as const) {
        const those = [...asked].filter(([key]) => familyOf(key) === family)
        if (those.length > 0) await this.#scanFile(`/proc/net/${family}`, new Map(those))
      }
      const restMs = restPerScan * (performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, Math.max(leastRestMs, restMs)).unref())
    }
    this.#isScanning = false
  }

  async #scanFile(path: string, asked: Map<string, Told>): Promise<void> {
    try {
      for await (const lines of linesOf(path)) {
        for (const line of lines) tell(asked, line)
        if (asked.size === 0) break
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#isAvailable = false
    }
  }
}

/** The lines of one of the kernel's lists of connections, some at a time. */
async function* linesOf(path: string): AsyncGenerator<readonly string[]> {
  const file = await open(path)
  try {
    const buffer = Buffer.allocUnsafe(readBytes)
    let rest = ''
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, readBytes)
      if (bytesRead === 0) return
      const lines = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n')
      rest = lines.pop() ?? ''
      yield lines
    }
  } finally {
    await file.close().catch(() => {})
  }
}

/** Retransmissions after which a peer has been silent for 13 s at least. */
const hopeless = 6

/**
 * The connections, of any process, whose peer acknowledges nothing any more, as `keyOf` names them;
 * none where the kernel does not tell. A peer that is merely slow acknowledges that it has no room.
 *
 * Reads a line for each connection: 15,000 take some 20 ms, a page at a time.
 */
export async function vanishedPeers(): Promise<ReadonlySet<string>> {
  const vanished = new Set<string>()
  for (const family of ['tcp', 'tcp6'])
    try {
      for await (const lines of linesOf(`/proc/net/${family}`))
        for (const line of lines) {
          const start = line.indexOf(': ') + 2
          const end = line.indexOf(' ', line.indexOf(' ', start) + 1)
          const retransmissions = Number.parseInt(line.slice(end + 34, end + 42), 16)
          if (retransmissions >= hopeless) vanished.add(line.slice(start, end))
        }
    } catch {
      // not there: nobody is told
    }
  return vanished
}

/** The queues of this process's connections. It holds nothing while nobody asks. */
export const kernelQueues = new KernelQueues()

/** A line is `sl: local remote state tx_queue:rx_queue …`, all numbers in hexadecimal (proc(5)). */
function tell(asked: Map<string, Told>, line: string): void {
  const start = line.indexOf(': ') + 2
  const end = line.indexOf(' ', line.indexOf(' ', start) + 1)
  const told = asked.get(line.slice(start, end))
  if (told === undefined) return
  asked.delete(line.slice(start, end))
  const queued = Number.parseInt(line.slice(end + 4, end + 12), 16)
  if (Number.isSafeInteger(queued)) told(queued)
}

/** A connection as it stands in the file: `0100007F:1F90 0100007F:C350`. */
export function keyOf({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
}: Socket): string | undefined {
  if (localAddress === undefined || remoteAddress === undefined) return undefined
  return `${hexOf(localAddress)}:${portOf(localPort)} ${hexOf(remoteAddress)}:${portOf(remotePort)}`
}

function familyOf(key: string): 'tcp' | 'tcp6' {
  return key.length > 32 ? 'tcp6' : 'tcp'
}

function portOf(port = 0): string {
  return hex(port, 4)
}

/** An address as 32-bit words in the machine's byte order. */
function hexOf(address: string): string {
  const bytes = address.includes(':') ? bytesOfV6(address) : bytesOfV4(address)
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4)
    text += (endianness() === 'LE' ? word.reverse() : word).map((byte) => hex(byte, 2)).join('')
  }
  return text
}

function bytesOfV4(address: string): number[] {
  return address.split('.').map(Number)
}

function bytesOfV6(address: string): number[] {
  const [text = ''] = address.split('%')
  const dotted = /[^:]*\.[^:]*$/.exec(text)?.[0]
  const tail = dotted === undefined ? [] : bytesOfV4(dotted)
  const groups =
    dotted === undefined ? text : text.slice(0, -dotted.length).replace(/([^:]):$/, '$1')
  const [head = '', after] = groups.split('::')
  const first = bytesOfGroups(head)
  const last = [...bytesOfGroups(after ?? ''), ...tail]
  return [...first, ...new Array<number>(16 - first.length - last.length).fill(0), ...last]
}

function bytesOfGroups(groups: string): number[] {
  if (groups === '') return []
  return groups.split(':').flatMap((group) => {
    const word = Number.parseInt(group, 16)
    return [word >> 8, word & 0xff]
  })
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0')
}
