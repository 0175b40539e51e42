import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Settings } from '../../component/component.ts'
import type { SharingComponent } from '../../component/factory.ts'
import { type AuthData, type Authenticator, headerOf, type RequestHeaders, UnauthenticatedError } from '../../component/kit/auth.ts'
import type { Counter } from '../../component/telemetry.ts'
import { watchFiles } from '../../lib/file_watch.ts'
import type { BearerTokenAuthConfig } from './config.ts'
import { FILE_LOADS } from './telemetry.ts'

const NOTHING: AuthData = {}

/**
 * Bearer tokens (RFC 6750) from the config or from a file that may change. One lives in every thread that has listeners
 * or clients; each reads the file for itself.
 */
export class BearerTokenAuth implements SharingComponent {
  readonly shared: Authenticator
  readonly #settings: Settings
  readonly #header: string
  readonly #scheme: string
  readonly #filename: string
  readonly #loads: Readonly<Record<'success' | 'failure', Counter>>
  /** What the header must say, by its digest: comparing these tells a guesser nothing by the time it takes. */
  #digests: readonly Buffer[] = []
  #sent: Readonly<Record<string, string>> | undefined
  #unwatch: (() => void) | undefined

  constructor(settings: Settings, config: BearerTokenAuthConfig) {
    this.#settings = settings
    this.#header = config.header.toLowerCase()
    this.#scheme = config.scheme
    this.#filename = config.filename
    const loads = (outcome: string): Counter => settings.telemetry.counter(FILE_LOADS, { extension: settings.id.text, outcome })
    this.#loads = { success: loads('success'), failure: loads('failure') }
    if (config.filename === '') this.#use(config.tokens.length > 0 ? config.tokens : [config.token])
    this.shared = {
      server: { authenticate: (headers) => this.#authenticate(headers) },
      client: { headers: () => this.#headers() },
    }
  }

  /** Rejects with a sentence for the operator when the file has no token. */
  async start(): Promise<void> {
    if (this.#filename === '') return
    await this.#load()
    this.#unwatch = watchFiles([this.#filename], () => void this.#reload())
  }

  shutdown(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  #authenticate(headers: RequestHeaders): AuthData {
    const found = headerOf(headers, this.#header)
    if (found === undefined) throw this.#unauthenticated(`missing header ${this.#header}`)
    const digest = digestOf(found)
    // Every token is compared, so that the time does not tell which one was near.
    const matches = this.#digests.filter((one) => timingSafeEqual(one, digest))
    if (matches.length === 0) throw this.#unauthenticated(`the token in header ${this.#header} is not valid`)
    return NOTHING
  }

  #unauthenticated(message: string): UnauthenticatedError {
    return new UnauthenticatedError(message, this.#scheme === '' ? 'Bearer' : this.#scheme)
  }

  #headers(): Readonly<Record<string, string>> {
    if (this.#sent === undefined) throw new Error(`BUG: ${this.#settings.address} was asked for its token before it was started`)
    return this.#sent
  }

  #use(tokens: readonly string[]): void {
    const values = tokens.map((token) => (this.#scheme === '' ? token : `${this.#scheme} ${token}`))
    this.#digests = values.map(digestOf)
    this.#sent = { [this.#header]: values[0] as string }
  }

  async #load(): Promise<void> {
    const text = await readFile(this.#filename, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new Error(`cannot read filename ${this.#filename}: ${error.code ?? error.message}`, { cause: error })
    })
    const tokens = text.split('\n').flatMap((line) => line.trim() || [])
    if (tokens.length === 0) throw new Error(`filename ${this.#filename} has no token; write one a line`)
    this.#use(tokens)
    this.#loads.success.add(1)
  }

  /** The tokens before stay when the file is no good: it may be just being written. */
  async #reload(): Promise<void> {
    try {
      await this.#load()
    } catch (error) {
      this.#loads.failure.add(1)
      this.#settings.log.warn({ error: (error as Error).message }, 'tokens not taken over, the old ones stay in use')
      return
    }
    this.#settings.log.info({ filename: this.#filename }, 'tokens taken over')
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
