import type { Client } from '../client.ts'
import type { EncodedRequest, LogGroup, LogRecords } from '../log_records.ts'
import { decodeLogs } from './decode.ts'

/**
 * Log records that are encoded already, as an `ExportLogsServiceRequest`. They are read when somebody looks at `groups`; who only
 * sends them on takes them as they are, as `encoded`, which is gone from then on because groups may be changed.
 *
 * Takes over `bytes`, which must not change any more and must be a valid request of `items` records: `groups` throws an `OtlpError` otherwise.
 */
export class EncodedLogs implements LogRecords {
  declare readonly client?: Client
  #encoded: EncodedRequest | undefined
  #groups: LogGroup[] = []

  constructor(bytes: Uint8Array, items: number) {
    this.#encoded = { bytes, items, isSole: bytes.byteLength === bytes.buffer.byteLength }
  }

  /** To be called before it is handed to more than one consumer. */
  share(): void {
    if (this.#encoded !== undefined) this.#encoded = { ...this.#encoded, isSole: false }
  }

  get encoded(): EncodedRequest | undefined {
    return this.#encoded
  }

  get groups(): LogGroup[] {
    if (this.#encoded !== undefined) {
      this.#groups = decodeLogs(this.#encoded.bytes).groups
      this.#encoded = undefined
    }
    return this.#groups
  }
}
