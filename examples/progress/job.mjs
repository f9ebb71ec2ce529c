import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { publish } from '../../dist/src/client/index.js'

/** Starts a job; returns the topic of its progress. */
export function work(publisher) {
  const topic = `https://app.example/jobs/${randomUUID()}`
  void (async () => {
    for (let percent = 0; percent <= 100; percent += 10) {
      await publish({ ...publisher, topic, data: JSON.stringify({ percent }) })
      await sleep(20)
    }
  })()
  return topic
}
