import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Settings } from '../../component/component.ts'
import { RefusedError } from '../../component/consumer.ts'
import type { SharingComponent } from '../../component/factory.ts'
import { type AuthData, type Authenticator, headerOf, type RequestHeaders, UnauthenticatedError } from '../../component/kit/auth.ts'
import type { Counter } from '../../component/telemetry.ts'
import { watchFiles } from '../../lib/file_watch.ts'
import { RecentMap } from '../../lib/recent_map.ts'
import type { BasicAuthConfig } from './config.ts'
import { parseHtpasswd, verifyPassword } from './htpasswd.ts'
import { FILE_LOADS } from './telemetry.ts'

/** Credentials whose check is remembered, so that a slow hash is paid for once and not with every request. */
const REMEMBERED = 1000
/** Checks of passwords under way at a time; what comes beyond is refused, for later. */
const CHECKS_MAX = 8
const RETRY_MS = 1000
const CHALLENGE = 'Basic realm="meshscope", charset="UTF-8"'

/**
 * Users and passwords by RFC 7617, checked against a password file or sent. One lives in every thread that has listeners
 * or clients; each reads the files for itself.
 */
export class BasicAuth implements SharingComponent {
  readonly shared: Authenticator
  readonly #settings: Settings
  readonly #config: BasicAuthConfig
  readonly #loads: Readonly<Record<'success' | 'failure', Counter>>
  #users: ReadonlyMap<string, string> = new Map()
  #known = new RecentMap<string, boolean>(REMEMBERED)
  #checks = 0
  #sent: Readonly<Record<string, string>> | undefined
  #unwatch: (() => void) | undefined

  constructor(settings: Settings, config: BasicAuthConfig) {
    this.#settings = settings
    this.#config = config
    const loads = (outcome: string): Counter => settings.telemetry.counter(FILE_LOADS, { extension: settings.id.text, outcome })
    this.#loads = { success: loads('success'), failure: loads('failure') }
    this.shared =
      config.htpasswd === undefined ? { client: { headers: () => this.#headers() } } : { server: { authenticate: (headers) => this.#authenticate(headers) } }
  }

  /** Rejects with a sentence for the operator when a file cannot be used. */
  async start(): Promise<void> {
    await this.#load()
    const files = this.#files()
    if (files.length > 0) this.#unwatch = watchFiles(files, () => void this.#reload())
  }

  shutdown(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  async #authenticate(headers: RequestHeaders): Promise<AuthData> {
    const { username, password } = credentialsOf(headers)
    const hash = this.#users.get(username)
    if (hash === undefined || !(await this.#isRight(username, password, hash))) throw new UnauthenticatedError('user or password is not valid', CHALLENGE)
    return { username }
  }

  async #isRight(username: string, password: string, hash: string): Promise<boolean> {
    const key = createHash('sha256')
      .update(JSON.stringify([username, password]))
      .digest('base64')
    const known = this.#known
    const before = known.get(key)
    if (before !== undefined) return before
    if (this.#checks >= CHECKS_MAX) throw new RefusedError('too many passwords are being checked', { retryAfterMs: RETRY_MS })
    this.#checks++
    try {
      const isRight = await verifyPassword(password, hash)
      known.set(key, isRight)
      return isRight
    } finally {
      this.#checks--
    }
  }

  #headers(): Readonly<Record<string, string>> {
    if (this.#sent === undefined) throw new Error(`BUG: ${this.#settings.address} was asked for its password before it was started`)
    return this.#sent
  }

  #files(): readonly string[] {
    const { htpasswd, client_auth: client } = this.#config
    return [htpasswd?.file ?? '', client?.username_file ?? '', client?.password_file ?? ''].filter((file) => file !== '')
  }

  async #load(): Promise<void> {
    const { htpasswd, client_auth: client } = this.#config
    if (client !== undefined) {
      const username = client.username_file === '' ? client.username : await lineOf(client.username_file, 'client_auth.username_file')
      const password = client.password_file === '' ? client.password : await lineOf(client.password_file, 'client_auth.password_file')
      if (username === '' || username.includes(':'))
        throw new Error(`client_auth.username_file ${client.username_file} holds no usable user: expected one line that is not empty and has no colon`)
      this.#sent = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
    }
    if (htpasswd !== undefined) await this.#loadUsers(htpasswd)
    if (this.#files().length > 0) this.#loads.success.add(1)
  }

  async #loadUsers({ file, inline }: NonNullable<BasicAuthConfig['htpasswd']>): Promise<void> {
    const fromFile = parseHtpasswd(file === '' ? '' : await textOf(file, 'htpasswd.file'))
    const [first] = fromFile.problems
    if (first !== undefined) throw new Error(`htpasswd.file ${file}:${first.line}: ${first.problem}; expected ${first.expected}`)
    this.#users = new Map([...fromFile.users, ...parseHtpasswd(inline).users])
    // What is remembered was found with the users before.
    this.#known = new RecentMap(REMEMBERED)
  }

  /** What was read before stays when a file is no good: it may be just being written. */
  async #reload(): Promise<void> {
    try {
      await this.#load()
    } catch (error) {
      this.#loads.failure.add(1)
      this.#settings.log.warn({ error: (error as Error).message }, 'passwords not taken over, the old ones stay in use')
      return
    }
    this.#settings.log.info({ files: this.#files() }, 'passwords taken over')
  }
}

/** Takes an `Authorization` header apart; throws `UnauthenticatedError` when there is none of scheme Basic. */
function credentialsOf(headers: RequestHeaders): { readonly username: string; readonly password: string } {
  const [, encoded] = /^basic +([0-9A-Za-z+/]+={0,2}) *$/i.exec(headerOf(headers, 'authorization') ?? '') ?? []
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) throw new UnauthenticatedError('missing header authorization with scheme Basic, a user and a password', CHALLENGE)
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

async function lineOf(file: string, setting: string): Promise<string> {
  const text = await textOf(file, setting)
  return text.replace(/\r?\n$/, '')
}

function textOf(file: string, setting: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`cannot read ${setting} ${file}: ${error.code ?? error.message}`, { cause: error })
  })
}
