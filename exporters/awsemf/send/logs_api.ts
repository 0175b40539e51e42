import type { Settings } from '../../../component/component.ts'
import { RefusedError } from '../../../component/consumer.ts'
import { serviceUrl } from '../../../component/kit/aws/endpoint.ts'
import { AwsError, awsErrorOf } from '../../../component/kit/aws/errors.ts'
import { findRegion } from '../../../component/kit/aws/region.ts'
import { AwsSession, awsConnection } from '../../../component/kit/aws/session.ts'
import { AwsSigner } from '../../../component/kit/aws/signer.ts'
import { type HttpAnswer, HttpSender } from '../../../component/kit/http_sender.ts'
import type { AwsEmfConfig } from '../config.ts'
import { CLOCK_OFFSET_SECONDS, REQUEST_SECONDS, REQUESTS } from '../telemetry.ts'

/** Most of an answer that is kept: those of the operations here are short. */
const ANSWER_BYTES_MAX = 64 << 10
/** Documents repeat themselves: harder work makes them little smaller (docs/decisions/0012_aws.md). */
const GZIP_LEVEL = 3

/** Operations of CloudWatch Logs that are used. */
export type LogsOperation = 'PutLogEvents' | 'CreateLogStream' | 'CreateLogGroup' | 'PutRetentionPolicy'

/**
 * The API of CloudWatch Logs, as much of it as is needed: JSON 1.1 over HTTP, signed
 * (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/).
 */
export class LogsApi {
  readonly #settings: Settings
  readonly #config: AwsEmfConfig
  readonly #env: Readonly<Record<string, string | undefined>>
  #open: { readonly url: URL; readonly session: AwsSession; readonly signer: AwsSigner; readonly sender: HttpSender } | undefined

  constructor(settings: Settings, config: AwsEmfConfig, env: Readonly<Record<string, string | undefined>> = process.env) {
    this.#settings = settings
    this.#config = config
    this.#env = env
  }

  /** Finds the region and prepares connections; rejects with a sentence for the operator when the settings cannot work. */
  async start(): Promise<void> {
    const { region: given, endpoint, local_mode: localMode, imds_retries: retries } = this.#config
    const region = await findRegion({ region: given, localMode, retries, env: this.#env })
    const session = new AwsSession(this.#settings, { config: this.#config, region, env: this.#env })
    const signer = new AwsSigner({ credentials: session.credentials, region, service: 'logs', clock: this.#settings.clock })
    const sender = new HttpSender(this.#settings, {
      ...awsConnection(this.#config),
      compression: 'gzip',
      compressionLevel: GZIP_LEVEL,
      authenticator: signer,
      answerBytesMax: ANSWER_BYTES_MAX,
    })
    this.#open = { url: serviceUrl({ host: 'logs', variable: 'CLOUDWATCH_LOGS' }, region, { endpoint, env: this.#env }), session, signer, sender }
    session.start()
    sender.start()
  }

  /**
   * Does one operation with a body of JSON. Rejects with an `AwsError` when it is answered with an error, and with another
   * error when there is no answer: a `RefusedError`, what the credentials failed with, or the reason of `signal`.
   */
  async call(operation: LogsOperation, body: Uint8Array, signal: AbortSignal): Promise<unknown> {
    const startMs = this.#settings.clock.monotonic()
    try {
      const answer = await this.#exchange(operation, body, signal)
      if (answer.code !== 200) throw awsErrorOf(operation, answer)
      this.#count(operation, 'ok')
      return answer.body.length === 0 ? undefined : valueOf(answer.body)
    } catch (error) {
      this.#count(operation, error instanceof AwsError ? error.kind : 'unreachable')
      throw error
    } finally {
      const { telemetry, id, clock } = this.#settings
      telemetry.counter(REQUEST_SECONDS, { exporter: id.text, operation }).add((clock.monotonic() - startMs) / 1000)
    }
  }

  /** Closes connections. Safe twice and without `start`. */
  close(): void {
    this.#open?.sender.close()
    this.#open?.session.close()
  }

  async #exchange(operation: LogsOperation, body: Uint8Array, signal: AbortSignal): Promise<HttpAnswer> {
    if (this.#open === undefined) throw new RefusedError('not started')
    const { url, sender, signer } = this.#open
    const offsetBefore = signer.clockOffsetMs
    const seconds = this.#config.request_timeout_seconds
    const timeout = new AbortController()
    const stopTimer = this.#settings.clock.after(seconds * 1000, () => {
      timeout.abort(new RefusedError(`${url.host}: no answer to ${operation} within ${seconds} s; raise request_timeout_seconds if the way is slow`))
    })
    try {
      return await sender.send({
        method: 'POST',
        url,
        contentType: 'application/x-amz-json-1.1',
        headers: { 'x-amz-target': `Logs_20140328.${operation}`, ...(operation === 'PutLogEvents' ? { 'x-amzn-logs-format': 'json/emf' } : {}) },
        body,
        signal: AbortSignal.any([signal, timeout.signal]),
      })
    } finally {
      stopTimer()
      this.#tellOffset(signer.clockOffsetMs, offsetBefore)
    }
  }

  #tellOffset(offsetMs: number, beforeMs: number): void {
    if (offsetMs === beforeMs) return
    const { log, telemetry, id } = this.#settings
    telemetry.gauge(CLOCK_OFFSET_SECONDS, { exporter: id.text }).set(offsetMs / 1000)
    log.warn({ behind_seconds: Math.round(offsetMs / 1000) }, 'the clock of this machine is wrong, requests are signed with the time of the service')
  }

  #count(operation: LogsOperation, outcome: string): void {
    const { telemetry, id } = this.#settings
    telemetry.counter(REQUESTS, { exporter: id.text, operation, outcome }).add(1)
  }
}

function valueOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    // A success whose answer says nothing.
    return undefined
  }
}
