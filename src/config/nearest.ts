/** ` (did you mean X?)` for the candidate that a typing error may have turned into `word`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const allowed = Math.min(3, Math.max(1, Math.floor(word.length / 4)))
  const ranked = [...candidates]
    .map((candidate) => ({ candidate, distance: distanceBetween(word, candidate) }))
    .filter(({ distance }) => distance <= allowed)
    .toSorted((a, b) => a.distance - b.distance)
  return ranked[0] === undefined ? '' : ` (did you mean ${ranked[0].candidate}?)`
}

/** Levenshtein's distance: letters to insert, drop or replace. */
function distanceBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (letter === b[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
