import { parentPort } from 'node:worker_threads'
import { trimHeap } from '../lib/heap_trim.ts'
import type { IdentityHandles } from '../model/identity/handles.ts'
import type { Pod } from '../model/identity/objects.ts'
import { SharedIdentityIndex } from '../model/identity/shared_index.ts'
import { NOW_MS, PodMaps, podIp } from './identity_pods.ts'

/** What the benchmark tells one of its readers; each is answered when it is done. */
export type ReaderTask =
  | { readonly task: 'attach'; readonly handles: IdentityHandles }
  | { readonly task: 'put'; readonly pods: readonly Pod[] }
  | { readonly task: 'look_up'; readonly pods: number; readonly keys: number; readonly rounds: number }
  | { readonly task: 'check_version' | 'trim' }

/** CPU time of this thread that a task took, and what it found. */
export interface ReaderAnswer {
  readonly cpuMs: number
  readonly hits: number
  readonly version: number
}

const index = new SharedIdentityIndex()
const maps = new PodMaps()
let isShared = true

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function lookUp({ pods, keys, rounds }: ReaderTask & { task: 'look_up' }): number {
  const ips = Array.from({ length: keys }, (_, i) => podIp((i * 7) % pods))
  let hits = 0
  for (let round = 0; round < rounds; round++) {
    for (const ip of ips) if ((isShared ? index.byAddress(ip, 8080, NOW_MS) : maps.byIp.get(ip)) !== undefined) hits++
  }
  return hits
}

function perform(task: ReaderTask): number {
  if (task.task === 'attach') index.attach(task.handles)
  if (task.task === 'put') {
    isShared = false
    for (const pod of task.pods) maps.put(pod)
  }
  if (task.task === 'trim') trimHeap()
  return task.task === 'look_up' ? lookUp(task) : 0
}

parentPort?.on('message', (task: ReaderTask) => {
  const from = cpuMs()
  const hits = perform(task)
  // What is measured of `check_version`.
  const { version } = index
  const answer: ReaderAnswer = { cpuMs: cpuMs() - from, hits, version }
  parentPort?.postMessage(answer, [])
})
