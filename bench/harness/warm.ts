import { load } from './load.ts'
import type { Server } from './server.ts'

/** Lets a server's code be compiled before anything is measured. */
export async function warm(server: Server): Promise<void> {
  await load(server, { subscribers: 50, rate: 0, seconds: 1.5, publishers: 4 })
}
