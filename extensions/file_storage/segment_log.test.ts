import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StoredItem } from '../../component/kit/queue/store.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { type FileAccess, fileAccess } from './file_access.ts'
import { HEADER_BYTES } from './record.ts'
import { SegmentLog } from './segment_log.ts'
import type { StorageOptions } from './storage_context.ts'
import { accessWith, contextForTest, systemError, takerForTest, textOf } from './testing.ts'

let root = ''
let folder = ''
let copies = 0

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meshscope-log-'))
  folder = join(root, 'queue')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function opened(path = folder, options: Partial<StorageOptions> = {}) {
  const around = contextForTest(options)
  const log = new SegmentLog(path, 'exporters.x logs', around.context)
  await log.open()
  const taker = takerForTest()
  log.takers.add(taker)
  return { log, taker, ...around }
}

/** What the directory would be after `kill -9` at this moment. */
function crashed(): string {
  const copy = join(root, `copy${copies++}`)
  cpSync(folder, copy, { recursive: true })
  return copy
}

function item(text: string, items = 1): StoredItem {
  return { bytes: Buffer.from(text, 'latin1'), items }
}

type Opened = Awaited<ReturnType<typeof opened>>

/** Everything that is left in a log, delivered and acknowledged. */
async function drained({ log, taker }: Opened): Promise<string[]> {
  log.stopTaking(taker, false)
  const texts: string[] = []
  for (;;) {
    const taken = await log.take(taker)
    if (taken === undefined) return texts
    texts.push(textOf(taken) as string)
    await log.acknowledge([taken], taker)
  }
}

/** What a new process would find after `kill -9` at this moment. */
async function recovered(): Promise<string[]> {
  const open = await opened(crashed())
  const texts = await drained(open)
  await open.log.close()
  return texts
}

const filesOf = (path: string, ending = ''): string[] => readdirSync(path).filter((file) => file.endsWith(ending))

describe('a log', () => {
  test('hands out what was appended, in order, and removes its files when all is delivered', async () => {
    const open = await opened()
    await Promise.all(['a', 'b', 'c'].map((text) => open.log.append(item(text, 5))))
    expect(open.log.held.snapshot()).toEqual({ requests: 3, items: 15, bytes: 3 })
    expect(await drained(open)).toEqual(['a', 'b', 'c'])
    expect(open.log.held.isEmpty).toBe(true)
    await open.log.close()
    expect(filesOf(folder)).toEqual([])
    expect(open.context.usedBytes).toBe(0)
  })

  test('lets a taker wait for what comes, and for the end', async () => {
    const { log, taker } = await opened()
    const first = log.take(taker)
    const second = log.take(taker)
    await log.append(item('late'))
    expect(textOf(await first)).toBe('late')
    log.stopTaking(taker, true)
    expect(await second).toBeUndefined()
    await log.close()
  })

  test('gives what was not acknowledged again after a restart, and nothing else', async () => {
    const before = await opened()
    for (const text of ['a', 'b', 'c', 'd']) await before.log.append(item(text))
    const taken = [await before.log.take(before.taker), await before.log.take(before.taker), await before.log.take(before.taker)]
    await before.log.acknowledge([taken[0], taken[2]] as StoredItem[], before.taker)
    expect(await recovered()).toEqual(['b', 'd'])
    await before.log.close()
    const after = await opened()
    expect(after.log.held.snapshot()).toEqual({ requests: 2, items: 2, bytes: 2 })
    expect(await drained(after)).toEqual(['b', 'd'])
    expect(after.damaged).toEqual({ torn: 0, missing: 0, unreadable: 0 })
  })

  test('begins new files, and removes each when it is delivered', async () => {
    const open = await opened(folder, { segmentBytes: 100 })
    for (let i = 0; i < 20; i++) await open.log.append(item(`${i}`.padEnd(30)))
    expect(filesOf(folder, '.seg').length).toBe(10)
    for (let i = 0; i < 4; i++) await open.log.acknowledge([(await open.log.take(open.taker)) as StoredItem], open.taker)
    expect(filesOf(folder, '.seg').length).toBeLessThan(10)
    expect((await recovered()).map((text) => text.trim())).toEqual(Array.from({ length: 16 }, (_, i) => `${i + 4}`))
    await open.log.close()
  })

  test('hands what was given back to the next who takes', async () => {
    const { log, taker } = await opened()
    for (const text of ['a', 'b']) await log.append(item(text))
    const first = (await log.take(taker)) as StoredItem
    log.giveBack([first])
    expect(textOf(await log.take(taker))).toBe('a')
    expect(textOf(await log.take(taker))).toBe('b')
    await log.close()
  })

  test('keeps to its size, and takes again when something is delivered', async () => {
    const open = await opened(folder, { bytesMax: 200, segmentBytes: 50 })
    for (let i = 0; i < 4; i++) await open.log.append(item('x'.repeat(26)))
    await expect(open.log.append(item('one too many'))).rejects.toThrow(/storage is full.*max_size_mib/)
    await expect(open.log.append(item('x'.repeat(201)))).rejects.toMatchObject({ name: 'PermanentError' })
    expect(open.log.held.requests).toBe(4)
    const first = (await open.log.take(open.taker)) as StoredItem
    await open.log.acknowledge([first], open.taker)
    await open.log.append(item('fits'))
    expect(open.log.held.requests).toBe(4)
    await open.log.close()
  })

  test('counts its files on opening and forgets them on closing', async () => {
    const before = await opened()
    await before.log.append(item('abc'))
    await before.log.close()
    const after = await opened()
    expect(after.context.usedBytes).toBe(HEADER_BYTES + 3)
    await after.log.close()
    expect(after.context.usedBytes).toBe(0)
  })

  test('reads items that are larger than its window', async () => {
    const open = await opened()
    const large = 'L'.repeat(700_000)
    for (const text of ['a', large, 'b', large]) await open.log.append(item(text))
    expect((await recovered()).map((text) => text.length)).toEqual([1, 700_000, 1, 700_000])
    expect((await drained(open)).map((text) => text.length)).toEqual([1, 700_000, 1, 700_000])
    await open.log.close()
  })
})

describe('damage', () => {
  const texts = ['first', 'second record', '', 'MqR1 a magic number', 'x'.repeat(40), 'last']

  async function written(): Promise<{ readonly file: string; readonly bytes: Buffer; readonly ends: number[] }> {
    const { log } = await opened()
    for (const text of texts) await log.append(item(text))
    await log.close()
    const [file = ''] = filesOf(folder, '.seg')
    const ends: number[] = []
    for (const text of texts) ends.push((ends.at(-1) ?? 0) + HEADER_BYTES + text.length)
    const bytes = readFileSync(join(folder, file))
    expect(bytes.length).toBe(ends.at(-1))
    return { file, bytes, ends }
  }

  test('a file cut off at any byte gives every record before the cut', { timeout: 30_000 }, async () => {
    const { file, bytes, ends } = await written()
    const copy = crashed()
    for (let cut = 0; cut <= bytes.length; cut++) {
      writeFileSync(join(copy, file), bytes.subarray(0, cut))
      const open = await opened(copy)
      const whole = ends.filter((end) => end <= cut).length
      expect(await drained(open), `cut at ${cut}`).toEqual(texts.slice(0, whole))
      const isTorn = cut > (ends[whole - 1] ?? 0)
      expect(open.damaged, `cut at ${cut}`).toEqual({ torn: isTorn ? 1 : 0, missing: 0, unreadable: 0 })
      await open.log.close()
      expect(filesOf(copy)).toEqual([])
    }
  })

  test('a flipped byte costs the record that it stands in, and no other', { timeout: 30_000 }, async () => {
    const { file, bytes, ends } = await written()
    const copy = crashed()
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ 0x41
      writeFileSync(join(copy, file), flipped)
      const open = await opened(copy)
      const hit = ends.findIndex((end) => at < end)
      expect(await drained(open), `flipped ${at}`).toEqual(texts.filter((_, i) => i !== hit))
      const { torn, missing, unreadable } = open.damaged
      expect(torn + missing + unreadable, `flipped ${at}`).toBe(1)
      expect(open.taker.lost.requests).toBe(unreadable)
      await open.log.close()
    }
  })

  test('a damaged list of delivered items sends some again, and loses none', { timeout: 30_000 }, async () => {
    const { file } = await written()
    const before = await opened()
    const taken: StoredItem[] = []
    for (let i = 0; i < 4; i++) taken.push((await before.log.take(before.taker)) as StoredItem)
    for (const i of [0, 3, 1]) await before.log.acknowledge([taken[i] as StoredItem], before.taker)
    const copy = crashed()
    await before.log.close()
    const list = join(copy, file.replace('seg', 'ack'))
    const bytes = readFileSync(list)
    const records = readFileSync(join(copy, file))
    const after = async (acks: Buffer): Promise<string[]> => {
      writeFileSync(list, acks)
      writeFileSync(join(copy, file), records)
      const open = await opened(copy)
      const found = await drained(open)
      await open.log.close()
      return found
    }
    expect(await after(bytes)).toEqual([texts[2], texts[4], texts[5]])
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ 0x41
      const again = [0, 3, 1][Math.floor(at / 12)] as number
      expect(await after(flipped), `flipped ${at}`).toEqual(texts.filter((_, i) => [2, 4, 5, again].includes(i)))
      const known = [0, 3, 1].slice(0, Math.floor(at / 12))
      expect(await after(bytes.subarray(0, at)), `cut at ${at}`).toEqual(texts.filter((_, i) => !known.includes(i)))
    }
  })

  test('garbage is no reason not to start', { timeout: 30_000 }, async () => {
    const { file } = await written()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 50 }), async (garbage, acks) => {
        const copy = crashed()
        writeFileSync(join(copy, file), garbage)
        writeFileSync(join(copy, file.replace('seg', 'ack')), acks)
        const open = await opened(copy)
        expect(await drained(open)).toEqual([])
        await open.log.close()
      }),
      { numRuns: 50 },
    )
  })

  test('files of others are left alone, and what is left of a removed segment is removed', async () => {
    await written()
    writeFileSync(join(folder, 'notes.txt'), 'mine')
    writeFileSync(join(folder, '0000000009-0000abcd.ack'), 'orphan')
    const open = await opened()
    expect(await drained(open)).toEqual(texts)
    await open.log.close()
    expect(filesOf(folder)).toEqual(['notes.txt'])
  })

  test('a block that the device cannot read costs what stands in it', async () => {
    const before = await opened()
    for (let i = 0; i < 300; i++) await before.log.append(item(`${i}`.padEnd(100)))
    await before.log.close()
    const bad = { from: 8192, to: 12_288 }
    const access = accessWith((handle) => {
      const read = handle.read.bind(handle) as (bytes: Uint8Array, offset: number, length: number, at: number) => Promise<{ bytesRead: number }>
      const failing = async (bytes: Uint8Array, offset: number, length: number, at: number) => {
        if (at < bad.to && at + length > bad.from) throw systemError('EIO')
        return read(bytes, offset, length, at)
      }
      return { read: failing as never }
    })
    const open = await opened(folder, { access })
    const numbers = (await drained(open)).map(Number)
    const size = HEADER_BYTES + 100
    const hit = (i: number): boolean => i * size < bad.to && (i + 1) * size > bad.from
    expect(numbers).toEqual(Array.from({ length: 300 }, (_, i) => i).filter((i) => !hit(i)))
    expect(open.damaged.missing + open.damaged.unreadable).toBe(300 - numbers.length)
    await open.log.close()
  })
})

describe('a disk that takes no more', () => {
  test('refuses what does not fit, leaves no half of it, and takes again when there is room', async () => {
    const disk = { left: 60, isFull: true }
    const full = accessWith((handle) => {
      const write = handle.write.bind(handle) as (bytes: Uint8Array, offset: number, length: number, at: number) => Promise<{ bytesWritten: number }>
      const limited = async (bytes: Uint8Array, offset: number, length: number, at: number) => {
        if (!disk.isFull) return write(bytes, offset, length, at)
        if (disk.left === 0) throw systemError('ENOSPC')
        const { bytesWritten } = await write(bytes, offset, Math.min(length, disk.left), at)
        disk.left -= bytesWritten
        return { bytesWritten }
      }
      const writev = async (buffers: readonly Uint8Array[], at: number) => {
        const bytes = Buffer.concat(buffers)
        return limited(bytes, 0, bytes.length, at)
      }
      return { write: limited as never, writev: writev as never }
    })
    const open = await opened(folder, { access: full })
    await open.log.append(item('fits'))
    await expect(open.log.append(item('x'.repeat(50)))).rejects.toMatchObject({
      name: 'RefusedError',
      message: expect.stringContaining('no space left') as string,
    })
    expect(open.errors).toHaveLength(1)
    expect(open.log.held.requests).toBe(1)
    expect(await recovered()).toEqual(['fits'])
    disk.isFull = false
    await open.log.append(item('fits again'))
    expect(await recovered()).toEqual(['fits', 'fits again'])
    expect(await drained(open)).toEqual(['fits', 'fits again'])
    await open.log.close()
    expect(filesOf(folder)).toEqual([])
  })

  test('goes on without the list of delivered items, and catches up later', async () => {
    const disk = { isFull: true }
    const access = accessWith((handle) => {
      const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<{ bytesWritten: number }>
      const failing = async (...args: unknown[]) => {
        if (disk.isFull) throw systemError('ENOSPC')
        return write(...args)
      }
      return { write: failing as never }
    })
    const open = await opened(folder, { access })
    for (const text of ['a', 'b', 'c']) await open.log.append(item(text))
    await open.log.acknowledge([(await open.log.take(open.taker)) as StoredItem], open.taker)
    expect(open.errors).toHaveLength(1)
    expect(await recovered()).toEqual(['a', 'b', 'c'])
    disk.isFull = false
    await open.log.acknowledge([(await open.log.take(open.taker)) as StoredItem], open.taker)
    expect(await recovered()).toEqual(['c'])
    await open.log.close()
  })

  test('forces to the disk when told so, and trusts no file whose sync failed', async () => {
    const disk = { fails: false, syncs: 0 }
    const access = accessWith((handle) => ({
      datasync: async () => {
        disk.syncs++
        if (disk.fails) throw systemError('EIO')
        void handle
      },
    }))
    const open = await opened(folder, { access, forcesToDisk: true })
    await Promise.all([open.log.append(item('a')), open.log.append(item('b'))])
    expect(disk.syncs).toBe(1)
    disk.fails = true
    await expect(open.log.append(item('lost'))).rejects.toThrow(/I\/O error/)
    disk.fails = false
    await open.log.append(item('c'))
    expect(filesOf(folder, '.seg')).toHaveLength(2)
    expect(await drained(open)).toEqual(['a', 'b', 'c'])
    await open.log.close()
  })

  test.for([
    { name: 'tries a file again that cannot be opened', refusals: 4, delivered: ['a', 'b'], left: [] },
    { name: 'leaves a file that can never be opened for the next start, and goes on', refusals: 5, delivered: ['b'], left: ['a'] },
  ])('$name', async ({ refusals, delivered, left }) => {
    const before = await opened(folder, { segmentBytes: 10 })
    for (const text of ['a', 'b']) await before.log.append(item(text))
    await before.log.close()
    let toRefuse = 0
    const open: FileAccess['open'] = async (...args) => {
      if (toRefuse-- > 0) throw systemError('EMFILE')
      return fileAccess.open(...args)
    }
    const hurried = Object.assign(new FakeClock(), {
      after: (_ms: number, run: () => void) => {
        setImmediate(run)
        return () => undefined
      },
    })
    const after = await opened(folder, { access: { ...fileAccess, open }, clock: hurried })
    toRefuse = refusals
    expect(await drained(after)).toEqual(delivered)
    expect(after.taker.lost.requests).toBe(left.length)
    await after.log.close()
    expect(await recovered()).toEqual(left)
  })
})

test('nothing acknowledged as stored is lost, and only what was in hand comes twice, whenever the process dies', { timeout: 30_000 }, async () => {
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), size: fc.integer({ min: 0, max: 120 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const), size: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), size: fc.integer({ min: 0, max: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), size: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), size: fc.constant(0) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      let path = join(root, `run${copies++}`)
      let open = await opened(path, { segmentBytes: 200 })
      let number = 0
      /** Stored and not acknowledged, in order. */
      let waiting: string[] = []
      let inHand: { readonly text: string; readonly taken: StoredItem }[] = []
      for (const { kind, size } of operations) {
        if (kind === 'append') {
          const text = `${number++}`.padEnd(size)
          await open.log.append(item(text))
          waiting.push(text)
        } else if (kind === 'take' && inHand.length < waiting.length) {
          const taken = (await open.log.take(open.taker)) as StoredItem
          expect(textOf(taken)).toBe(waiting.filter((text) => inHand.every((other) => other.text !== text))[0])
          inHand.push({ text: textOf(taken) as string, taken })
        } else if (kind === 'acknowledge' && inHand.length > 0) {
          const [done] = inHand.splice(size % inHand.length, 1)
          await open.log.acknowledge([(done as { taken: StoredItem }).taken], open.taker)
          waiting = waiting.filter((text) => text !== done?.text)
        } else if (kind === 'crash') {
          const copy = join(root, `run${copies++}`)
          if (existsSync(path)) cpSync(path, copy, { recursive: true })
          await open.log.close()
          path = copy
          open = await opened(path, { segmentBytes: 200 })
          inHand = []
        } else if (kind === 'restart') {
          await open.log.close()
          open = await opened(path, { segmentBytes: 200 })
          inHand = []
        }
        expect(open.log.held.requests).toBe(waiting.length)
      }
      await open.log.close()
      const last = await opened(path)
      expect(await drained(last)).toEqual(waiting)
      expect(last.damaged).toEqual({ torn: 0, missing: 0, unreadable: 0 })
      await last.log.close()
      expect(existsSync(path) ? filesOf(path) : []).toEqual([])
    }),
    { numRuns: 60 },
  )
})
