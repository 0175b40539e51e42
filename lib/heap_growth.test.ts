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
