import type { QueueAmount, StoredItem } from '../../component/kit/queue/store.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { type FileAccess, type FileHandle, fileAccess } from './file_access.ts'
import type { LogTaker } from './segment_log.ts'
import { type DamageReason, StorageContext, type StorageOptions } from './storage_context.ts'

/** A context that remembers what it was told. */
export function contextForTest(options: Partial<StorageOptions> = {}) {
  const damaged: Record<DamageReason, number> = { torn: 0, missing: 0, unreadable: 0 }
  const errors: unknown[] = []
  const clock = new FakeClock()
  const context = new StorageContext({
    clock,
    access: fileAccess,
    forcesToDisk: false,
    bytesMax: 1 << 30,
    segmentBytes: 1 << 20,
    observer: {
      writeFailed: (error) => errors.push(error),
      written: () => undefined,
      upkeepFailed: (error) => errors.push(error),
      damaged: (_store, reason, records) => {
        damaged[reason] += records
      },
      recovered: () => undefined,
      sized: () => undefined,
    },
    ...options,
  })
  return { context, damaged, errors, clock }
}

/** Somebody who takes from a log, and adds up what it is told is lost. */
export function takerForTest(): LogTaker & { readonly lost: { requests: number; items: number } } {
  const lost = { requests: 0, items: 0 }
  const count = ({ requests, items }: QueueAmount): void => {
    lost.requests += requests
    lost.items += items
  }
  return { isDraining: false, lost, observer: { roomFreed: () => undefined, lost: count } }
}

export function textOf(item: StoredItem | undefined): string | undefined {
  return item === undefined ? undefined : Buffer.from(item.bytes).toString('latin1')
}

/** File access whose handles have single methods replaced. */
export function accessWith(change: (handle: FileHandle) => Partial<FileHandle>): FileAccess {
  const open: FileAccess['open'] = async (...args) => {
    const handle = await fileAccess.open(...args)
    return Object.assign(handle, change(handle))
  }
  return { ...fileAccess, open }
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: because the test says so`), { code })
}
