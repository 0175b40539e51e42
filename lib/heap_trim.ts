import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Collects all garbage of the calling thread and gives its pages back to the system. Blocks this thread for some tens of
 * milliseconds, so it is for moments that are rare and slow anyway, such as a start.
 *
 * Starting leaves some 12 MiB of garbage in every thread, and V8 keeps it as long as nothing more is allocated, which in
 * a daemon without traffic is for ever. A plain collection frees the objects but keeps the pages; only what V8 does
 * before it runs out of memory ("last-resort") returns them. It has no public function; the switch makes new contexts
 * carry one. The session of node:inspector that could do it too was seen to lock up the process.
 */
export function trimHeap(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('globalThis.gc') as ((options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void) | undefined
  setFlagsFromString('--no-expose-gc')
  collect?.({ type: 'major', flavor: 'last-resort' })
}
