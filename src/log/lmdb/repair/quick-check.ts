import { join } from 'node:path'
import { Survey, tableNames } from './survey.ts'

/**
 * Looks whether the pages of a store are sound, for as long as `budgetMs` lets it; records are not read.
 *
 * LMDB believes its pages: a damaged one may end the process that comes across it, again after each
 * start. A million entries take 0.6 s of one core.
 *
 * @returns the first thing that is wrong; undefined when nothing is, or time was over
 */
export function findDamage(directory: string, budgetMs: number): string | undefined {
  const survey = new Survey(join(directory, 'data.mdb'), performance.now() + budgetMs)
  try {
    for (const name of tableNames) {
      if (survey.damage.length > 0) return survey.damage[0]
      survey.walk(name)
    }
    if (survey.damage.length === 0) survey.walkFreePages()
    return survey.damage[0]
  } finally {
    survey.close()
  }
}
