import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const moduleUrl = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)
const program = `
  const { setHeapGrowth } = await import(${moduleUrl('./heap_growth.ts')})
  const { trimHeap } = await import(${moduleUrl('./heap_trim.ts')})
  globalThis.held = Array.from({ length: 200_000 }, (_, i) => ({ i, text: 'x' + i }))
  setHeapGrowth(400)
  trimHeap()
`

test('the next major collection begins when the heap has grown so much', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--trace-gc-verbose', '--input-type=module', '-e', program], { timeout: 30_000 })
  // V8 tells its decision after each collection.
  const decisions = [...stdout.matchAll(/\[HeapController\] Limit: old size: (\d+) KB, new limit: (\d+) KB/g)]
  const [, size, limit] = decisions.at(-1) ?? []
  expect(Number(limit) / Number(size)).toBeCloseTo(5, 0)
})

test('a thread has the heap that it was given, and the main thread that of the command line', async () => {
  const tell = 'Math.round(v8.getHeapStatistics().heap_size_limit / 1048576)'
  const threads = `
    const { Worker } = await import('node:worker_threads')
    const v8 = await import('node:v8')
    const { letThreadsLimitHeaps } = await import(${moduleUrl('./heap_growth.ts')})
    letThreadsLimitHeaps()
    const code = "import v8 from 'node:v8'; import { parentPort } from 'node:worker_threads'; parentPort.postMessage(${tell})"
    const worker = new Worker(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 40, maxYoungGenerationSizeMb: 3 } })
    worker.on('message', (mib) => console.log(${tell} >= 300, mib < 60))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=300', '--input-type=module', '-e', threads], { timeout: 30_000 })
  expect(stdout.trim()).toBe('true true')
})
