import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { publish } from '../../dist/src/client/index.js'

/** Begins to answer, a word at a time; returns the topic of the answer. */
export function answer(publisher, question = '') {
  const topic = `https://app.example/answers/${randomUUID()}`
  void (async () => {
    for (let n = 1; n <= 40; n++) {
      await publish({ ...publisher, topic, data: `${question}-${n} ` })
      await sleep(25)
    }
    await publish({ ...publisher, topic, type: 'end', data: '' })
  })()
  return topic
}
