import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heaps of all threads of this process, those of later ones too, become this much larger than what a major
 * collection has left before the next one begins; 100 is twice as large.
 *
 * V8 counts the bytes of buffers towards that growth, and by default allows as little as a tenth, though at least some
 * 8 MiB. In an ingest worker 15 MiB are alive and every byte from a socket comes in a new buffer: one collection for each
 * 20 MiB received, which took a third of all CPU time.
 */
export function setHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}

/**
 * Lets the heap limits of threads that are made from now on hold. With `--max-old-space-size`, such as in `NODE_OPTIONS`, V8
 * would give every thread that limit instead of its own; the heap of this thread keeps it.
 */
export function letThreadsLimitHeaps(): void {
  setFlagsFromString('--max-old-space-size=0')
}
