import type { Host, Settings } from '../../component/component.ts'
import type { SharingComponent } from '../../component/factory.ts'
import type { QueueStorage, QueueStore, QueueStoreObserver } from '../../component/kit/queue/store.ts'
import type { Counter, Gauge } from '../../component/telemetry.ts'
import { durationMs } from '../../lib/duration.ts'
import type { FileStorageConfig } from './config.ts'
import { type FileAccess, fileAccess, storageHint } from './file_access.ts'
import type { DamageReason, StorageObserver } from './storage_context.ts'
import { StorageDirectory } from './storage_directory.ts'
import { CAPACITY_BYTES, DAMAGED_RECORDS, FAILED_UPKEEP, FAILED_WRITES, RECOVERED_REQUESTS, STORED_BYTES, WRITTEN_BYTES } from './telemetry.ts'

/** Large enough that few files are made, small enough that space comes back soon. */
const SEGMENT_BYTES_MAX = 16 << 20
/** Shortest time between two log lines about upkeep that fails. */
const LOG_INTERVAL_MS = 10_000

/** Keeps the queues of other components on disk, so that they outlive the process. */
export class FileStorage implements SharingComponent {
  readonly shared: QueueStorage
  readonly #settings: Settings
  readonly #config: FileStorageConfig
  readonly #access: FileAccess
  readonly #written: Counter
  readonly #failedWrites: Counter
  readonly #failedUpkeep: Counter
  readonly #stored: Gauge
  readonly #damaged = new Map<DamageReason, { readonly counter: Counter; unloggedRecords: number; loggedMs: number | undefined }>()
  #host: Host | undefined
  #directory: StorageDirectory | undefined
  #isFailing = false
  #loggedMs: number | undefined

  /** `access` replaces single file operations in tests. */
  constructor(settings: Settings, config: FileStorageConfig, access: FileAccess = fileAccess) {
    const { telemetry } = settings
    const labels = { extension: settings.id.text }
    this.#settings = settings
    this.#config = config
    this.#access = access
    this.#written = telemetry.counter(WRITTEN_BYTES, labels)
    this.#failedWrites = telemetry.counter(FAILED_WRITES, labels)
    this.#failedUpkeep = telemetry.counter(FAILED_UPKEEP, labels)
    this.#stored = telemetry.gauge(STORED_BYTES, labels)
    this.shared = { openQueue: (name, observer) => this.#openQueue(name, observer) }
  }

  async start(host: Host): Promise<void> {
    const { directory, timeout, fsync, max_size_mib: mib, create_directory: create, directory_permissions: permissions } = this.#config
    const { clock, log, telemetry, id } = this.#settings
    this.#host = host
    const bytesMax = mib * 2 ** 20
    this.#directory = await StorageDirectory.open({
      path: directory,
      createMode: create ? Number.parseInt(permissions, 8) : undefined,
      lockTimeoutMs: durationMs(timeout),
      clock,
      access: this.#access,
      forcesToDisk: fsync,
      bytesMax,
      // So small that a full storage has room again as soon as a part of it is delivered.
      segmentBytes: Math.min(SEGMENT_BYTES_MAX, bytesMax / 8),
      observer: this.#observer(),
      unlocked: (error) => log.warn({ directory, error: String(error) }, 'directory cannot be locked; no other process may use it'),
    })
    telemetry.gauge(CAPACITY_BYTES, { extension: id.text }).set(bytesMax)
  }

  async shutdown(): Promise<void> {
    const directory = this.#directory
    this.#directory = undefined
    await directory?.release()
  }

  #openQueue(name: string, observer: QueueStoreObserver): Promise<QueueStore> {
    if (this.#directory === undefined) return Promise.reject(new Error(`BUG: ${name} is opened while ${this.#settings.address} is not running`))
    return this.#directory.openQueue(name, observer)
  }

  #observer(): StorageObserver {
    return {
      writeFailed: (error) => this.#writeFailed(error),
      written: (bytes) => this.#writeWorked(bytes),
      upkeepFailed: (error) => this.#upkeepFailed(error),
      damaged: (store, reason, records) => this.#countDamage(store, reason, records),
      recovered: (store, amount) => {
        this.#settings.telemetry.counter(RECOVERED_REQUESTS, { extension: this.#settings.id.text }).add(amount.requests)
        this.#settings.log.info({ queue: store, requests: amount.requests, items: amount.items, bytes: amount.bytes }, 'queue found on disk')
      },
      sized: (bytes) => this.#stored.set(bytes),
    }
  }

  #writeFailed(error: unknown): void {
    this.#failedWrites.add(1)
    if (this.#isFailing) return
    this.#isFailing = true
    const reason = storageHint(error)
    this.#settings.log.warn({ directory: this.#config.directory, error: reason }, 'cannot store')
    this.#host?.report({ kind: 'recoverable_error', error: `cannot write to ${this.#config.directory}: ${reason}` })
  }

  #writeWorked(bytes: number): void {
    this.#written.add(bytes)
    if (!this.#isFailing) return
    this.#isFailing = false
    this.#settings.log.info({ directory: this.#config.directory }, 'storing works again')
    this.#host?.report({ kind: 'ok' })
  }

  #upkeepFailed(error: unknown): void {
    this.#failedUpkeep.add(1)
    const { clock, log } = this.#settings
    const nowMs = clock.monotonic()
    if (this.#loggedMs !== undefined && nowMs - this.#loggedMs < LOG_INTERVAL_MS) return
    this.#loggedMs = nowMs
    log.warn({ directory: this.#config.directory, error: storageHint(error) }, 'files of a queue cannot be kept up')
  }

  #countDamage(queue: string, reason: DamageReason, records: number): void {
    const { clock, log, telemetry, id } = this.#settings
    const damage = this.#damaged.get(reason) ?? {
      counter: telemetry.counter(DAMAGED_RECORDS, { extension: id.text, reason }),
      unloggedRecords: 0,
      loggedMs: undefined,
    }
    this.#damaged.set(reason, damage)
    damage.counter.add(records)
    damage.unloggedRecords += records
    const nowMs = clock.monotonic()
    if (damage.loggedMs !== undefined && nowMs - damage.loggedMs < LOG_INTERVAL_MS) return
    log.warn({ queue, reason, records: damage.unloggedRecords }, 'stored data is damaged')
    damage.unloggedRecords = 0
    damage.loggedMs = nowMs
  }
}
