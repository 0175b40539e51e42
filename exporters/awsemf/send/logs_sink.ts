import type { Settings } from '../../../component/component.ts'
import { RefusedError } from '../../../component/consumer.ts'
import { AwsError } from '../../../component/kit/aws/errors.ts'
import type { SendOptions, SendRequest } from '../../../component/kit/queue/delivery.ts'
import { Semaphore } from '../../../lib/semaphore.ts'
import { TimeSlices } from '../../../lib/time_slices.ts'
import type { AwsEmfConfig } from '../config.ts'
import { knownLogNames } from '../log_names.ts'
import { streamsOf } from './blocks.ts'
import { LogStreams } from './log_streams.ts'
import { LogsApi } from './logs_api.ts'
import { halvesOf, type PutBatch, pointsOf, putBatches, putBody, rejectionsOf } from './put_batches.ts'
import { DocumentLedger } from './rejections.ts'
import type { EmfSink } from './sink.ts'

/** Processes that start together do not create their log streams together: the API takes 50 a second. */
const JITTER_MS = 2000
/** How long to wait before what only an operator can change is tried again. */
const OPERATOR_MS = 60_000
/** Most puts that look for the documents that a batch is refused for; of 10,000 documents a bad one is found in 28. */
const SEARCH_PUTS_MAX = 48

/** What is left of a request. */
interface Progress {
  readonly pending: Set<PutBatch>
}

interface Put {
  readonly batch: PutBatch
  readonly progress: Progress
  readonly options: SendOptions
  /** Puts that may still look for bad documents; shared by the parts of a batch. */
  readonly search: { putsLeft: number }
}

export interface LogsSinkOptions {
  readonly config: AwsEmfConfig
  readonly api?: LogsApi
  /** Numbers from 0 up to 1. */
  readonly random?: () => number
}

/**
 * Puts documents into CloudWatch Logs: batches up to the limits of the API, several at a time, each log stream by itself. A
 * batch that was put is never put again because of another one.
 */
export class LogsSink implements EmfSink {
  readonly #settings: Settings
  readonly #config: AwsEmfConfig
  readonly #api: LogsApi
  readonly #streams: LogStreams
  readonly #ledger: DocumentLedger
  readonly #workers: Semaphore
  readonly #random: () => number
  readonly #progress = new WeakMap<SendRequest, Progress>()
  #lastBody: Promise<unknown> = Promise.resolve()
  #stopTimer: (() => void) | undefined

  constructor(settings: Settings, { config, api = new LogsApi(settings, config), random = Math.random }: LogsSinkOptions) {
    this.#settings = settings
    this.#config = config
    this.#api = api
    this.#random = random
    this.#ledger = new DocumentLedger(settings)
    this.#workers = new Semaphore(config.num_workers)
    this.#streams = new LogStreams(settings, api, { createsGroups: config.create_log_group, retentionDays: config.log_retention, tags: config.tags })
  }

  async start(): Promise<void> {
    await this.#api.start()
    const known = knownLogNames(this.#config)
    if (known === undefined) return
    // Before there is data: a wrong right shows at once, and the last data of a short life need not wait for it.
    this.#stopTimer = this.#settings.clock.after(this.#random() * JITTER_MS, () => {
      this.#streams.create(known).catch((error: Error) => {
        this.#settings.log.warn({ ...known, error: error.message }, 'log stream not created yet')
      })
    })
  }

  async send(request: SendRequest, options: SendOptions): Promise<void> {
    const progress = this.#progress.get(request) ?? this.#begin(request, options)
    this.#progress.set(request, progress)
    const puts = [...progress.pending].map((batch) => this.#put({ batch, progress, options, search: { putsLeft: SEARCH_PUTS_MAX } }))
    const errors = (await Promise.allSettled(puts)).flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
    if (errors.length > 0) throw combined(errors, puts.length)
  }

  close(): void {
    this.#stopTimer?.()
    this.#streams.close()
    this.#api.close()
  }

  #begin({ bytes, items }: SendRequest, { settled }: SendOptions): Progress {
    try {
      const parts = streamsOf(bytes).map(putBatches)
      const tooLarge = parts.flatMap((part) => part.tooLarge)
      if (tooLarge.length > 0) {
        this.#ledger.rejected('too_large', tooLarge.length, 'larger than an event of CloudWatch Logs may be')
        settled({ sent: 0, rejected: pointsOf(tooLarge) })
      }
      return { pending: new Set(parts.flatMap(({ batches }) => batches)) }
    } catch (error) {
      this.#ledger.rejected('damaged', 1, (error as Error).message)
      settled({ sent: 0, rejected: items })
      return { pending: new Set() }
    }
  }

  /** Puts a batch, in parts where it must be; resolves when nothing is left of it, whether taken or given up. */
  async #put(put: Put): Promise<void> {
    const { batch, options } = put
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#workers.run(() => this.#putOnce(batch, options.signal))
        this.#taken(put, answer)
        return
      } catch (error) {
        if (!(error instanceof AwsError)) throw error
        if (error.kind === 'not_found' && attempt === 1) await this.#create(batch)
        else if (error.kind === 'invalid' || error.kind === 'too_large') {
          await this.#divide(put, error)
          return
        } else throw refusal(error)
      }
    }
  }

  async #putOnce(batch: PutBatch, signal: AbortSignal): Promise<unknown> {
    // It may have waited for its turn for longer than the attempt.
    signal.throwIfAborted()
    try {
      await this.#streams.retain(batch.logGroup)
    } catch (error) {
      throw error instanceof AwsError ? refusal(error) : error
    }
    const body = await this.#bodyOf(batch)
    signal.throwIfAborted()
    return await this.#api.call('PutLogEvents', body, signal)
  }

  /** One body after the other, in slices: together they would keep the event loop for too long. */
  #bodyOf(batch: PutBatch): Promise<Buffer> {
    const body = this.#lastBody.then(() => slicedBody(batch))
    this.#lastBody = body.catch(() => undefined)
    return body
  }

  async #create(batch: PutBatch): Promise<void> {
    try {
      await this.#streams.create(batch)
    } catch (error) {
      throw error instanceof AwsError ? refusal(error) : error
    }
  }

  #taken({ batch, progress, options }: Put, answer: unknown): void {
    if (!progress.pending.delete(batch)) return
    let rejected = 0
    for (const [reason, { events, points }] of rejectionsOf(batch, answer)) {
      rejected += points
      this.#ledger.rejected(reason, events, `${batch.logGroup} ${batch.logStream}`)
    }
    this.#ledger.taken(batch.documents.reduce((sum, { json }) => sum + json.length, 0))
    options.settled({ sent: pointsOf(batch.documents) - rejected, rejected })
  }

  /** Finds the documents for which a batch is refused, so that the others are not lost with them. */
  async #divide(put: Put, error: AwsError): Promise<void> {
    const { batch, progress, options, search } = put
    // A size is always found; how many documents are bad is not known.
    const mayGoOn = error.kind === 'too_large' || (search.putsLeft -= 2) >= 0
    if (batch.documents.length === 1 || !mayGoOn) {
      if (!progress.pending.delete(batch)) return
      this.#ledger.rejected(error.kind === 'too_large' ? 'too_large' : 'invalid', batch.documents.length, error.message)
      options.settled({ sent: 0, rejected: pointsOf(batch.documents) })
      return
    }
    const halves = halvesOf(batch)
    progress.pending.delete(batch)
    for (const half of halves) progress.pending.add(half)
    const errors: Error[] = []
    for (const half of halves) await this.#put({ ...put, batch: half }).catch((thrown: Error) => errors.push(thrown))
    if (errors.length > 0) throw combined(errors, halves.length)
  }
}

async function slicedBody(batch: PutBatch): Promise<Buffer> {
  const slices = new TimeSlices()
  await slices.next()
  const pieces: Buffer[] = []
  for (const piece of putBody(batch)) {
    pieces.push(piece)
    if (slices.isOver) await slices.next()
  }
  return Buffer.concat(pieces)
}

/** What an answer means for the queue: that the batch is sent again later; much later when an operator must change something. */
function refusal(error: AwsError): RefusedError {
  const isForOperator = error.kind === 'denied' || error.kind === 'misdirected'
  return new RefusedError(`${error.message}${hintFor(error)}`, { cause: error, ...(isForOperator ? { retryAfterMs: OPERATOR_MS } : {}) })
}

function hintFor({ kind, type }: AwsError): string {
  if (kind === 'proof') return '; the credentials are not accepted'
  if (type === '' && kind === 'misdirected') return '; is endpoint a CloudWatch Logs?'
  if (kind !== 'denied' || !/AccessDenied|Unauthorized/.test(type)) return ''
  return '; the role needs logs:PutLogEvents and logs:CreateLogStream, and with create_log_group also logs:CreateLogGroup, logs:PutRetentionPolicy and logs:TagResource'
}

/** One error for all that failed. It asks for a long wait only when all of them do: what can go on must not wait for an operator. */
function combined(errors: readonly Error[], count: number): RefusedError {
  const waits = errors.map((error) => (error instanceof RefusedError ? error.retryAfterMs : undefined))
  const retryAfterMs = waits.includes(undefined) ? undefined : Math.min(...(waits as number[]))
  const [first] = errors
  const where = count > 1 ? `${errors.length} of ${count} puts failed: ` : ''
  return new RefusedError(`${where}${first?.message}`, { cause: first, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}
