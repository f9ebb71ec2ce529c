import t from 'tap'
import type { Framing } from '../../../src/registry/batch.ts'
import { maxWriteBytes, Outbox, type Wire } from '../../../src/hub/stream/outbox.ts'

/** A wire whose peer takes bytes when it is told to. */
class SlowWire implements Wire {
  readonly framing: Framing = 'plain'
  readonly written: Buffer[] = []
  pendingBytes = 0
  takenBytes = 0
  ending: 'finished' | 'destroyed' | undefined

  write(bytes: Buffer): void {
    this.written.push(bytes)
    this.pendingBytes += bytes.length
  }

  takeAll(): void {
    this.takenBytes += this.pendingBytes
    this.pendingBytes = 0
  }

  finish(): void {
    this.ending = 'finished'
  }

  destroy(): void {
    this.ending = 'destroyed'
  }

  listen(): void {}
}

function outbox(limit: number): { wire: SlowWire; box: Outbox } {
  const wire = new SlowWire()
  return { wire, box: new Outbox(wire, limit) }
}

t.test('a queue takes as much as its limit, and refuses one byte more', async (t) => {
  const { wire, box } = outbox(100)

  t.ok(box.write(Buffer.alloc(60)))
  t.ok(box.write(Buffer.alloc(40)))
  t.notOk(box.write(Buffer.alloc(1)))

  t.equal(box.pendingBytes, 100)
  t.equal(wire.written.length, 2, 'nothing of what was refused was written')
})

t.test('one large write passes into an empty queue, and is all there is room for', async (t) => {
  const { wire, box } = outbox(100)
  const large = Buffer.alloc(5 * maxWriteBytes + 7, 'x')

  t.ok(box.write(large))
  t.notOk(box.write(Buffer.alloc(1)))
  while (box.pendingBytes > 0) {
    wire.takeAll()
    box.pump()
  }

  t.ok(wire.written.every((part) => part.length <= maxWriteBytes))
  t.strictSame(Buffer.concat(wire.written), large)
  t.ok(box.write(Buffer.alloc(100)), 'and the queue is empty again')
})

t.test('what is queued is handed over in order, a little at a time', async (t) => {
  const { wire, box } = outbox(1e6)
  const frames = Array.from({ length: 20 }, (_, i) =>
    Buffer.alloc(30_000, String.fromCharCode(65 + i)),
  )

  for (const frame of frames) t.ok(box.write(frame))
  t.ok(wire.pendingBytes <= 2 * maxWriteBytes, 'the socket has no more than it needs')
  t.equal(box.pendingBytes, 600_000)
  while (box.pendingBytes > 0) {
    wire.takeAll()
    box.pump()
  }

  t.strictSame(Buffer.concat(wire.written), Buffer.concat(frames))
})

t.test('closing finishes the body when nothing stands before its end, else destroys', async (t) => {
  const empty = outbox(100)
  empty.box.close(true)
  const full = outbox(100)
  full.box.write(Buffer.alloc(1))
  full.box.close(true)
  const rude = outbox(100)
  rude.box.close(false)

  t.strictSame(
    [empty, full, rude].map(({ wire }) => wire.ending),
    ['finished', 'destroyed', 'destroyed'],
  )
})
