/**
 * The number of single-character edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
 *
 * Optimal string alignment; both texts are cut at 64 characters, so hostile input costs nothing.
 */
export function editDistance(a: string, b: string): number {
  const left = a.slice(0, 64)
  const right = b.slice(0, 64)
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let i = 1; i <= left.length; i++) {
    const current = [i]
    for (let j = 1; j <= right.length; j++) {
      const replaced = at(previous, j - 1) + (left[i - 1] === right[j - 1] ? 0 : 1)
      let best = Math.min(replaced, at(previous, j) + 1, at(current, j - 1) + 1)
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) best = Math.min(best, at(beforePrevious, j - 2) + 1)
      current.push(best)
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, right.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? 0
}

/**
 * The candidate that a mistyped `word` most likely meant; undefined when none is close.
 *
 * Close is a third of the word's length in edits, letter case and `-` for `_` not counted; of equals the first wins.
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(word)
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, plain(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll('-', '_')
}
