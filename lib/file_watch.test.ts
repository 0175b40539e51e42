import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { watchFiles } from './file_watch.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshscope-watch-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const changeOf = (files: readonly string[], change: () => void, options = { debounceMs: 5, pollMs: 20 }): Promise<() => void> =>
  new Promise((resolve) => {
    const stop = watchFiles(files, () => resolve(stop), options)
    change()
    // Timers of a watch do not keep the process alive; the test wants to be told.
    setTimeout(() => {}, 5000).unref()
  })

test('a changed file is noticed', async () => {
  const file = join(folder, 'a.yaml')
  writeFileSync(file, 'one')
  const stop = await changeOf([file], () => writeFileSync(file, 'two'))
  stop()
  expect(stop).toBeTypeOf('function')
})

test('a file that appears is noticed, also in a directory that cannot be watched', async () => {
  const missing = join(folder, 'later', 'a.yaml')
  const here = join(folder, 'b.yaml')
  const stop = await changeOf([missing, here], () => writeFileSync(here, 'one'))
  stop()
  expect(stop).toBeTypeOf('function')
})

test('writing the same content again is no change, and neither is one after the end', async () => {
  const file = join(folder, 'a.yaml')
  writeFileSync(file, 'one')
  let changes = 0
  const stopFirst = watchFiles([file], () => changes++, { debounceMs: 1, pollMs: 5 })
  writeFileSync(file, 'one')
  const other = join(folder, 'b.yaml')
  // Both watches see the same events; when the second has told, the first has looked as well.
  const stop = await changeOf([other], () => writeFileSync(other, 'x'), { debounceMs: 20, pollMs: 1000 })
  stopFirst()
  writeFileSync(file, 'two')
  const stopAgain = await changeOf([other], () => writeFileSync(other, 'y'), { debounceMs: 20, pollMs: 1000 })
  stop()
  stopAgain()
  expect(changes).toBe(0)
})
