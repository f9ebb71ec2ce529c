import { Grants } from '../../protocol/grants.ts'
import { compileMatcher } from '../../protocol/matcher.ts'
import { hubPath } from '../../protocol/reserved.ts'
import { Topic } from '../../protocol/topic.ts'
import { Turn } from '../../registry/batch.ts'
import { Cohort, type Member } from '../../registry/cohort.ts'
import { Interest } from '../../registry/interest.ts'

const topic = 'urn:cinnabar:probe'
const everything = compileMatcher('exact', '*', `http://localhost${hubPath}`)
const [update, topics] = [
  { id: '', type: '', topics: [topic], data: '', isPrivate: false, retry: '' },
  [new Topic(topic)],
]

/**
 * An entry that is in no log, and a member that no client is: what was asked for is delivered in the
 * dispatcher's own passes, by the code that serves subscribers, and nobody else sees it.
 */
export class Probe {
  readonly #cohort = new Cohort(new Interest([everything], Grants.none))
  #position = 0
  #answers: (() => void)[] = []

  constructor() {
    const member: Member = {
      position: 0,
      seat: -1,
      cohort: undefined,
      deliver: (batch) => {
        member.position = batch.to
        const answers = this.#answers
        this.#answers = []
        for (const answer of answers) answer()
      },
    }
    this.#cohort.add(member)
  }

  /** Somebody waits for a delivery. */
  get isAsked(): boolean {
    return this.#answers.length > 0
  }

  ask(answer: () => void): void {
    this.#answers.push(answer)
  }

  /** The cohort with a probe entry to deliver; none when nobody asked. */
  due(): readonly Cohort[] {
    if (!this.isAsked) return []
    const entry = { position: ++this.#position, timeMs: 0, kind: 'update' as const, update }
    this.#cohort.take(entry, topics, new Turn())
    return [this.#cohort]
  }
}
