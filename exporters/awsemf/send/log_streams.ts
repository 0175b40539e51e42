import type { Settings } from '../../../component/component.ts'
import { RefusedError } from '../../../component/consumer.ts'
import { AwsError } from '../../../component/kit/aws/errors.ts'
import type { LogsApi, LogsOperation } from './logs_api.ts'

export interface LogStreamsOptions {
  readonly createsGroups: boolean
  /** Days; 0 = for ever. */
  readonly retentionDays: number
  readonly tags: Readonly<Record<string, string>>
}

/** Which log stream of which group. */
export interface StreamName {
  readonly logGroup: string
  readonly logStream: string
}

/**
 * Creates log streams, and log groups with their retention and tags, when a put says that they are missing: nothing is ever
 * described or listed. Whoever asks for the same one meanwhile waits for it.
 */
export class LogStreams {
  readonly #settings: Settings
  readonly #api: LogsApi
  readonly #options: LogStreamsOptions
  readonly #creating = new Map<string, Promise<void>>()
  /** Groups that were created here and have no retention yet. */
  readonly #unretained = new Set<string>()
  readonly #closed = new AbortController()

  constructor(settings: Settings, api: LogsApi, options: LogStreamsOptions) {
    this.#settings = settings
    this.#api = api
    this.#options = options
  }

  /**
   * Resolves when the stream is there. Rejects with an `AwsError` or another error of the API, and with a `RefusedError`
   * when the group is missing and must not be created.
   */
  async create(name: StreamName): Promise<void> {
    await this.#once(`stream ${name.logGroup}\n${name.logStream}`, () => this.#createStream(name))
  }

  /** Sets the retention of a group that was created here, if that has failed so far; a put goes on when it is denied. */
  async retain(logGroup: string): Promise<void> {
    if (this.#unretained.has(logGroup)) await this.#once(`retention ${logGroup}`, () => this.#putRetention(logGroup))
  }

  /** Ends what is going on. Safe twice. */
  close(): void {
    this.#closed.abort(new RefusedError('the exporter is stopping'))
  }

  async #once(key: string, begin: () => Promise<void>): Promise<void> {
    let creating = this.#creating.get(key)
    if (creating === undefined) {
      creating = begin().finally(() => this.#creating.delete(key))
      this.#creating.set(key, creating)
    }
    await creating
  }

  async #createStream({ logGroup, logStream }: StreamName): Promise<void> {
    const input = { logGroupName: logGroup, logStreamName: logStream }
    if ((await this.#call('CreateLogStream', input)) !== 'not_found') return
    await this.#once(`group ${logGroup}`, () => this.#createGroup(logGroup))
    if ((await this.#call('CreateLogStream', input)) === 'not_found') throw new RefusedError(`the log group ${logGroup} is gone again`)
  }

  async #createGroup(logGroup: string): Promise<void> {
    const { createsGroups, retentionDays, tags } = this.#options
    if (!createsGroups)
      throw new RefusedError(`there is no log group ${logGroup}; create it, or set create_log_group: true`, { retryAfterMs: MISSING_GROUP_MS })
    const hasTags = Object.keys(tags).length > 0
    const done = await this.#call('CreateLogGroup', { logGroupName: logGroup, ...(hasTags ? { tags } : {}) })
    if (done !== 'ok') return
    this.#settings.log.info({ log_group: logGroup }, 'log group created')
    if (retentionDays === 0) return
    this.#unretained.add(logGroup)
    await this.retain(logGroup)
  }

  async #putRetention(logGroup: string): Promise<void> {
    try {
      await this.#call('PutRetentionPolicy', { logGroupName: logGroup, retentionInDays: this.#options.retentionDays })
      this.#unretained.delete(logGroup)
    } catch (error) {
      if (!(error instanceof AwsError) || error.kind !== 'denied') throw error
      // The data must not wait for it: events that stay too long cost less than events that are lost.
      this.#unretained.delete(logGroup)
      this.#settings.log.warn({ log_group: logGroup, error: error.message }, 'log group without the retention of log_retention')
    }
  }

  /** Does an operation for which it is in order that the thing is there already, or that what it belongs to is missing. */
  async #call(operation: Exclude<LogsOperation, 'PutLogEvents'>, input: object): Promise<'ok' | 'exists' | 'not_found'> {
    try {
      await this.#api.call(operation, Buffer.from(JSON.stringify(input)), this.#closed.signal)
      return 'ok'
    } catch (error) {
      if (error instanceof AwsError && (error.kind === 'exists' || error.kind === 'not_found')) return error.kind
      throw error
    }
  }
}

/** How long to wait for an operator to create a group. */
const MISSING_GROUP_MS = 60_000
