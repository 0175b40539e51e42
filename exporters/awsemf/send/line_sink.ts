import type { Clock, Settings } from '../../../component/component.ts'
import { RefusedError } from '../../../component/consumer.ts'
import type { SendOptions, SendRequest } from '../../../component/kit/queue/delivery.ts'
import { hintFor, RollingFile } from '../../../component/kit/rolling_file.ts'
import { TextOutput } from '../../../component/kit/text_output.ts'
import { type StreamDocuments, streamsOf } from './blocks.ts'
import { documentsOf, linesOf } from './lines.ts'
import { DocumentLedger } from './rejections.ts'
import type { EmfSink } from './sink.ts'

/** Where whole lines are written. */
export interface LineWriter {
  open(): void | Promise<void>
  /** Writes whole lines, after those of the calls before; rejects when they were not written. */
  write(lines: Buffer): Promise<void>
  close(): void | Promise<void>
}

/** Writes documents as lines, for whoever reads them there: the agent of a container platform, or a log shipper. */
export class LineSink implements EmfSink {
  readonly #writer: LineWriter
  readonly #ledger: DocumentLedger

  constructor(settings: Settings, writer: LineWriter) {
    this.#writer = writer
    this.#ledger = new DocumentLedger(settings)
  }

  async start(): Promise<void> {
    await this.#writer.open()
  }

  async send({ bytes, items }: SendRequest, { settled }: SendOptions): Promise<void> {
    let streams: readonly StreamDocuments[]
    try {
      streams = streamsOf(bytes)
    } catch (error) {
      this.#ledger.rejected('damaged', 1, (error as Error).message)
      settled({ sent: 0, rejected: items })
      return
    }
    const lines = linesOf(documentsOf(streams))
    await this.#writer.write(lines)
    this.#ledger.taken(lines.length)
    settled({ sent: items, rejected: 0 })
  }

  async close(): Promise<void> {
    await this.#writer.close()
  }
}

const STDOUT = 1

/** Standard output. */
export class StdoutWriter implements LineWriter {
  readonly #output: TextOutput

  constructor(clock: Clock, output = new TextOutput(STDOUT, clock)) {
    this.#output = output
  }

  open(): void {
    // It always is.
  }

  write(lines: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#output.write(lines, (error) => {
        if (error === undefined) resolve()
        else reject(new RefusedError(`cannot write to standard output: ${error.message}`, { cause: error }))
      })
    })
  }

  close(): void {
    this.#output.close()
  }
}

export interface FileWriterOptions {
  readonly path: string
  readonly bytesMax: number
  /** 0 = all. */
  readonly backupsMax: number
  readonly clock: Clock
}

/** A file that is begun anew when it is full. */
export class FileWriter implements LineWriter {
  readonly #file: RollingFile
  #last: Promise<unknown> = Promise.resolve()

  constructor({ path, bytesMax, backupsMax, clock }: FileWriterOptions) {
    const rotation = { bytesMax, backupsMax, daysMax: 0, isLocalTime: false }
    this.#file = new RollingFile({ path, append: true, rotation, directoryMode: undefined, clock })
  }

  async open(): Promise<void> {
    await this.#file.open()
  }

  write(lines: Buffer): Promise<void> {
    const written = this.#last.then(() => this.#file.append(lines))
    this.#last = written.catch(() => undefined)
    return written.catch((error: unknown) => {
      throw new RefusedError(`cannot write to the file: ${hintFor(error, false)}`, { cause: error })
    })
  }

  async close(): Promise<void> {
    await this.#last
    await this.#file.close()
  }
}
