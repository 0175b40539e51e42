import { existsSync, readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { Harness } from '../../connectors/mesh_metrics/testing.ts'
import { ByteInterner } from '../../lib/intern.ts'
import type { StreamOrigin } from '../../model/access_logs.ts'
import { config as meshConfig } from '../../processors/mesh/config.ts'
import { MeshProcessor } from '../../processors/mesh/processor.ts'
import { AccessLogDecoder } from '../../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../../receivers/envoyals/identifier.ts'
import { fakeSettings } from '../fakes/settings.ts'

/** Where the captured data lie; outside the repository. */
export const DATA = new URL('../../../shared/data/', import.meta.url)
export const hasData = existsSync(DATA)

type HarnessConfig = ConstructorParameters<typeof Harness>[0]
type MeshSettings = ConstructorParameters<typeof MeshProcessor>[1]

/** Decoder, mesh processor and mesh_metrics, joined as in an ingest worker; one stream at a time. */
export class Pipeline {
  readonly harness: Harness
  readonly #decoders: readonly AccessLogDecoder[]
  readonly #meshes: readonly MeshProcessor[]
  #origin: StreamOrigin = { id: 0, node: new Uint8Array(), nodeId: '', nodeCluster: '', logName: '', peer: '', apiVersion: 'v3' }
  #origins = 0

  constructor(options: { readonly metrics?: HarnessConfig; readonly mesh?: Partial<MeshSettings>; readonly workers?: number } = {}) {
    this.harness = new Harness(options.metrics, options.workers ?? 1)
    this.#decoders = this.harness.ingests.map(() => new AccessLogDecoder(new ByteInterner()))
    this.#meshes = this.harness.ingests.map((ingest) => new MeshProcessor(fakeSettings('processor', 'mesh'), meshSettings(options.mesh), ingest))
  }

  /** Begins a stream; entries before its first identifier come from nobody. */
  open(peer: string): void {
    this.#origin = { id: ++this.#origins, node: new Uint8Array(), nodeId: '', nodeCluster: '', logName: '', peer, apiVersion: 'v3' }
  }

  /** Takes one `StreamAccessLogsMessage` in worker `worker`; returns how many entries it had. */
  take(message: Uint8Array, worker = 0): number {
    const decoder = this.#decoders[worker] as AccessLogDecoder
    decoder.begin(message)
    const identifier = decoder.identifier === undefined ? undefined : parseIdentifier(decoder.identifier)
    if (identifier !== undefined) this.#origin = { ...this.#origin, ...identifier, id: ++this.#origins }
    let entries = 0
    while (decoder.next()) {
      decoder.logs.origin = this.#origin
      decoder.logs.receivedMs = this.harness.settings.clock.now()
      entries += decoder.logs.length
      void this.#meshes[worker]?.consume(decoder.logs)
    }
    return entries
  }
}

function meshSettings(given: Partial<MeshSettings> = {}): MeshSettings {
  const checked = { ...given } as MeshSettings
  new Ajv({ useDefaults: true, strict: false, formats: { duration: true, path: true } }).validate(meshConfig.schema, checked)
  return checked
}

/** The messages of a captured stream: frames of a little-endian length and the bytes. */
export function framesOf(file: string): Uint8Array[] {
  const bytes = readFileSync(new URL(file, DATA))
  const frames: Uint8Array[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at)
    frames.push(bytes.subarray(at + 4, end))
    at = end
  }
  return frames
}
