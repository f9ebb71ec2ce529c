import { work } from '../../workers/worker/worker.ts'
import { openWorkerLog } from '../logger.ts'
import { serverOf } from './single-process.ts'

// What the process of a worker runs; `cinnabar serve` starts it and talks to it.
work({ serverOf, loggerOf: openWorkerLog })
