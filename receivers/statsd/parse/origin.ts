import { COMMA, findOrEnd, startsWith } from './bytes.ts'
import { parseWhole } from './number.ts'

/** Where the parts of a `c:`, `e:` or `card:` section are put down; `Sample` says what they mean. */
export interface OriginSlots {
  containerStart: number
  containerEnd: number
  isInode: boolean
  containerTextStart: number
  containerTextEnd: number
  externalStart: number
  externalEnd: number
  cardinalityStart: number
  cardinalityEnd: number
}

/**
 * Reads the section `bytes[start, end)` when it says where a line comes from; false when it is none of `c:`, `e:`, `card:`.
 * See DogStatsD 1.2, 1.4, 1.5 and 1.6.
 */
export function readOrigin(bytes: Uint8Array, start: number, end: number, slots: OriginSlots): boolean {
  if (startsWith(bytes, start, end, 'c:')) {
    slots.containerTextStart = start + 2
    slots.containerTextEnd = end
    readContainer(bytes, start + 2, end, slots)
  } else if (startsWith(bytes, start, end, 'e:')) {
    slots.externalStart = start + 2
    slots.externalEnd = end
  } else if (startsWith(bytes, start, end, 'card:')) {
    slots.cardinalityStart = start + 5
    slots.cardinalityEnd = end
  } else {
    return false
  }
  return true
}

/** The container of a list: an id (`ci-…`, `cid-…` or bare) before the inode (`in-…`) of its cgroup. */
function readContainer(bytes: Uint8Array, start: number, end: number, slots: OriginSlots): void {
  slots.containerStart = start
  slots.containerEnd = start
  slots.isInode = false
  for (let at = start; at < end; ) {
    const to = findOrEnd(bytes, COMMA, at, end)
    const isInode = startsWith(bytes, at, to, 'in-')
    const from = at + prefixLength(bytes, at, to)
    // A list has at most one of each; the id says more than the inode.
    if (from < to && (slots.containerStart === slots.containerEnd || slots.isInode)) {
      slots.containerStart = from
      slots.containerEnd = to
      slots.isInode = isInode
    }
    at = to + 1
  }
}

function prefixLength(bytes: Uint8Array, start: number, end: number): number {
  if (startsWith(bytes, start, end, 'ci-') || startsWith(bytes, start, end, 'in-')) return 3
  return startsWith(bytes, start, end, 'cid-') ? 4 : 0
}

/** The seconds of a `T` section or a `d:` field, `bytes[start, end)` without its letter; -1 when they are not above 0. */
export function parseTimestamp(bytes: Uint8Array, start: number, end: number): number {
  const seconds = parseWhole(bytes, start, end)
  return seconds > 0 ? seconds : -1
}
