/** ` (did you mean X?)` for the candidate that a typing error may have turned into `word`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const allowed = Math.min(3, Math.max(1, Math.floor(word.length / 4)))
  const ranked = [...candidates]
    .map((candidate) => ({ candidate, distance: distanceOf(word.toLowerCase(), candidate) }))
    .filter(({ distance }) => distance <= allowed)
    .toSorted((a, b) => a.distance - b.distance)
  return ranked[0] === undefined ? '' : ` (did you mean ${ranked[0].candidate}?)`
}

/** A name that was begun is as near as a name with one wrong letter. */
function distanceOf(word: string, candidate: string): number {
  const name = candidate.toLowerCase()
  const isBegun = word.replace(/^-+/, '').length >= 4 && name.startsWith(word)
  return isBegun ? 1 : distanceBetween(word, name)
}

/** Letters to insert, drop, replace, or swap with their neighbour (optimal string alignment). */
function distanceBetween(a: string, b: string): number {
  let [before, row]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)]
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = at(row, j) + (a[i] === b[j] ? 0 : 1)
      const isSwap = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j]
      const swapped = isSwap ? at(before, j - 1) + 1 : Infinity
      next.push(Math.min(replaced, swapped, at(row, j + 1) + 1, at(next, j) + 1))
    }
    ;[before, row] = [row, next]
  }
  return at(row, b.length)
}

function at(row: readonly number[] | undefined, index: number): number {
  return row?.[index] ?? Infinity
}
