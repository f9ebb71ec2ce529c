import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { floor, grant, hub, nchan } from '../harness/server.ts'

export const connections: Bench = {
  question: 'What does a connection cost, to open and to keep? 10,000 of them, idle.',
  axis: 'connections',
  figures: [columns.memoryEach, columns.connectCpu],
  comparedWith: 'Node, a write per update',
  points: [
    {
      x: 10_000,
      contestants: [
        floor('sock'),
        hub(),
        hub({ name: 'cinnabar, with a token', grants: [grant('subscribe', ['*'])] }),
        nchan,
      ],
      // Not warmed up: the memory is what grows from the start.
      measure: (server) => load(server, { subscribers: 10_000, rate: 1, seconds: 2 }),
    },
  ],
  remark: 'Memory is the growth of the process (PSS), without the kernel’s socket buffers.',
}
