import { parentPort } from 'node:worker_threads'
import type { IdentityHandles } from '../../model/identity/handles.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'

/** What a reader saw while the store wrote. */
export interface ReaderReport {
  readonly lookups: number
  readonly hits: number
  readonly generations: number
  readonly versions: number
  /** Answers that contradict themselves. */
  readonly faults: readonly string[]
}

/** What a test tells the reader. */
export type ReaderOrder = { readonly handles: IdentityHandles } | 'stop'

export const READER_PODS = 200
export const READER_TIME_MS = 1_800_000_000_000

/** The address of the pod with this number, which holds the number too. */
export function readerIp(number: number): string {
  return `10.7.${number >> 8}.${number & 255}`
}

/** Looks pods up as fast as it can, and checks that each is whole: its name, address and labels belong together. */
function read(index: SharedIdentityIndex, faults: string[]): number {
  let hits = 0
  for (let number = 0; number < READER_PODS; number++) {
    const found = index.byAddress(readerIp(number), 0, READER_TIME_MS)
    if (found === undefined) continue
    hits++
    const { value, fromMs, untilMs } = found
    const isWhole =
      value.kind === 'pod' && value.name === `p${number}` && value.ips[0] === readerIp(number) && value.labels['round'] === value.annotations['round']
    const isValid = fromMs <= READER_TIME_MS && READER_TIME_MS < untilMs
    const byName = index.podByName('shop', `p${number}`)
    const isFound = byName === undefined || byName.uid === (value as { uid?: string }).uid
    if (!isWhole || !isValid || !isFound) faults.push(JSON.stringify({ number, found, byName }))
  }
  return hits
}

const port = parentPort
if (port !== null) {
  const index = new SharedIdentityIndex()
  const faults: string[] = []
  let [lookups, hits, generations, isStopped] = [0, 0, 0, false]
  port.on('message', (order: ReaderOrder) => {
    if (order === 'stop') {
      isStopped = true
    } else {
      generations++
      index.attach(order.handles)
    }
  })
  const round = (): void => {
    hits += read(index, faults)
    lookups += READER_PODS
    if (!isStopped) {
      setImmediate(round)
      // Reading the version is what makes the reader look for news.
      if (index.version < 0) faults.push('a version below 0')
      return
    }
    const report: ReaderReport = { lookups, hits, generations, versions: index.version, faults: faults.slice(0, 5) }
    port.postMessage(report)
    port.close()
  }
  round()
}
