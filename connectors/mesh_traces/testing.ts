import { Ajv } from 'ajv'
import type { AccessLogs } from '../../model/access_logs.ts'
import type { Span, Traces } from '../../model/traces.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type MeshTracesConfig } from './config.ts'
import { MeshTracesIngest } from './ingest.ts'
import { MeshTracesMain } from './main.ts'

/** A config with defaults filled in. Throws when the given part does not fit the schema. */
function tracesConfig(given: object): MeshTracesConfig {
  const checked = structuredClone(given) as MeshTracesConfig
  const ajv = new Ajv({ useDefaults: true, strict: false, formats: { duration: true } })
  if (!ajv.validate(config.schema, checked)) throw new Error(ajv.errorsText())
  return checked
}

/** An ingest half and the main half, joined as the graph joins them. */
export class TracesHarness {
  readonly settings: FakeSettings = fakeSettings('connector', 'mesh_traces')
  readonly next = new CollectingConsumer<Traces>()
  readonly main: MeshTracesMain
  readonly ingest: MeshTracesIngest

  constructor(given: object = {}) {
    this.main = new MeshTracesMain(this.settings, this.next)
    this.ingest = new MeshTracesIngest(this.settings, tracesConfig(given), { worker: 0, send: (message) => this.main.receive(message, { worker: 0, life: 1 }) })
  }

  /** The spans of some batches, and of what the ingest half has had before. */
  async spans(...batches: readonly AccessLogs[]): Promise<readonly Span[]> {
    for (const batch of batches) this.ingest.consume(batch)
    this.ingest.shutdown()
    await this.main.shutdown({ signal: new AbortController().signal })
    return this.next.batches.flatMap(({ groups }) => groups.flatMap(({ spans }) => spans))
  }

  /** Entries with an outcome. */
  counted(outcome: string): number {
    return this.settings.telemetry.value('meshscope_mesh_traces_entries', { outcome })
  }
}
