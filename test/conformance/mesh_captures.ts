import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Consumer } from '../../component/consumer.ts'
import { ByteInterner } from '../../lib/intern.ts'
import type { AccessLogs, StreamOrigin } from '../../model/access_logs.ts'
import type { IdentityIndex } from '../../model/identity/index.ts'
import type { MeshConfig } from '../../processors/mesh/config.ts'
import { MeshProcessor } from '../../processors/mesh/processor.ts'
import { MESH_DEFAULTS } from '../../processors/mesh/testing.ts'
import { AccessLogDecoder } from '../../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../../receivers/envoyals/identifier.ts'
import { type FakeSettings, fakeSettings } from '../fakes/settings.ts'

const SHARED = fileURLToPath(new URL('../../../shared/data/', import.meta.url))

/** True where the shared captures are; tests that need them are skipped elsewhere. */
export const hasCaptures = existsSync(`${SHARED}envoy-capture`)

export function readShared(path: string): Buffer {
  return readFileSync(SHARED + path)
}

export function readSharedJson(path: string): unknown {
  return JSON.parse(readShared(path).toString('utf8'))
}

/** The messages of a capture: frames of a 32-bit little-endian length and that many bytes. */
export function framesOf(bytes: Buffer): readonly Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    frames.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return frames
}

const ANONYMOUS = { node: new Uint8Array(0), nodeId: '', nodeCluster: '', logName: '' }

/** Decoder and mesh processor in a row, as a pipeline would have them; shows each analysed batch to `onBatch`. */
export class MeshBench {
  readonly settings: FakeSettings
  readonly #decoder = new AccessLogDecoder(new ByteInterner())
  readonly #mesh: MeshProcessor
  #nextOrigin = 1

  constructor(onBatch: (logs: AccessLogs) => void, options: { readonly config?: Partial<MeshConfig>; readonly index?: IdentityIndex } = {}) {
    const next: Consumer<AccessLogs> = { consume: onBatch }
    this.settings = { ...fakeSettings('processor', 'mesh'), shared: () => options.index }
    this.#mesh = new MeshProcessor(this.settings, { ...MESH_DEFAULTS, ...options.config }, next)
    this.#mesh.start()
  }

  /** Runs the messages of one stream through. `peer` is the address of its connection. */
  stream(messages: readonly Uint8Array[], peer = '127.0.0.1:40000'): void {
    let origin: StreamOrigin = { id: this.#nextOrigin++, ...ANONYMOUS, peer, apiVersion: 'v3' }
    for (const message of messages) {
      this.#decoder.begin(message)
      const identifier = this.#decoder.identifier === undefined ? undefined : parseIdentifier(this.#decoder.identifier)
      if (identifier !== undefined) origin = { id: this.#nextOrigin++, ...identifier, peer, apiVersion: 'v3' }
      while (this.#decoder.next()) {
        this.#decoder.logs.origin = origin
        void this.#mesh.consume(this.#decoder.logs)
      }
    }
  }
}
