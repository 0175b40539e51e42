/** Hashes of keys and texts, 32 bits. Seeded, so that whoever names pods cannot prepare names that collide. */

/** Joins a word to a hash. */
export function mixed(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1)
  return (h << 13) | (h >>> 19)
}

/** Spreads what differs over all bits. */
export function finished(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

export function textHash(seed: number, text: string): number {
  let h = seed ^ text.length
  for (let at = 0; at < text.length; at++) h = mixed(h, text.charCodeAt(at))
  return finished(h)
}

/** The hash of `count` words from `at`. */
export function wordsHash(seed: number, words: ArrayLike<number>, at: number, count: number): number {
  let h = seed ^ count
  for (let i = at; i < at + count; i++) h = mixed(h, words[i] as number)
  return finished(h)
}
