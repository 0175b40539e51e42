import { Ajv } from 'ajv'
import type { AccessLogs } from '../../model/access_logs.ts'
import type { AttributeValue } from '../../model/attributes.ts'
import type { LogGroup, LogRecord, LogRecords } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type AccessLogRecordsConfig, config } from './config.ts'
import { AccessLogRecordsIngest } from './ingest.ts'
import { AccessLogRecordsMain } from './main.ts'

/** A config with defaults filled in. Throws when the given part does not fit the schema. */
export function recordsConfig(given: object = {}): AccessLogRecordsConfig {
  const checked = structuredClone(given) as AccessLogRecordsConfig
  const ajv = new Ajv({ useDefaults: true, strict: false, formats: { duration: true } })
  if (!ajv.validate(config.schema, checked)) throw new Error(ajv.errorsText())
  return checked
}

/** An ingest half and the main half, joined as the graph joins them. */
export class RecordsHarness {
  readonly settings: FakeSettings = fakeSettings('processor', 'access_log_records')
  readonly next: CollectingConsumer<Logs>
  readonly main: AccessLogRecordsMain
  readonly ingest: AccessLogRecordsIngest

  constructor(given: object = {}, onBatch?: (batch: Logs) => void | Promise<void>) {
    const checked = recordsConfig(given)
    this.next = new CollectingConsumer<Logs>()
    const next = { consume: (batch: Logs) => (onBatch === undefined ? this.next.consume(batch) : onBatch(batch)) }
    this.main = new AccessLogRecordsMain(this.settings, checked, next)
    this.ingest = new AccessLogRecordsIngest(this.settings, checked, { worker: 0, send: (message) => this.main.receive(message, { worker: 0, life: 1 }) })
  }

  /** The groups of the records of some batches. */
  async groups(...batches: readonly AccessLogs[]): Promise<readonly LogGroup[]> {
    for (const batch of batches) this.ingest.consume(batch)
    this.ingest.shutdown()
    await this.main.shutdown({ signal: new AbortController().signal })
    return this.next.batches.flatMap((batch) => ('groups' in batch ? (batch satisfies LogRecords).groups : []))
  }

  /** The records of some batches. */
  async records(...batches: readonly AccessLogs[]): Promise<readonly LogRecord[]> {
    return (await this.groups(...batches)).flatMap(({ records }) => records)
  }

  /** Entries with an outcome. */
  counted(outcome: string): number {
    return this.settings.telemetry.value('meshscope_access_log_records', { outcome })
  }
}

/** A record's attributes as an object; integers as numbers. */
export function attributesOf({ attributes }: Pick<LogRecord, 'attributes'>): Record<string, unknown> {
  return Object.fromEntries(attributes.keys.map((key, i) => [key, plain(attributes.values[i] ?? null)]))
}

function plain(value: AttributeValue): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
