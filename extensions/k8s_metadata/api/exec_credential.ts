import { type ExecFileException, execFile } from 'node:child_process'
import { isAbsolute, join } from 'node:path'
import type { Clock } from '../../../component/component.ts'
import { accessError } from './access_error.ts'
import type { Environment, TlsMaterial } from './credentials.ts'
import type { KubeConfigEntry } from './kube_config_entry.ts'

/** What a plugin gave; at least one of a token and a certificate with its key. */
export interface PluginCredential {
  readonly token: string
  readonly cert: string | undefined
  readonly key: string | undefined
}

const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']
const RUN_MS_MAX = 60_000
const OUTPUT_BYTES_MAX = 1 << 20
/** A credential is renewed this long before it expires, so that none expires on its way to the server. */
const EXPIRY_MARGIN_MS = 10_000
/** A plugin whose credentials have always expired already (a wrong clock) is not run for every single request. */
const RUN_INTERVAL_MS_MIN = 5_000

/**
 * Credentials from a program that a kubeconfig names, such as a cloud's login tool. It runs without a terminal, at most
 * once at a time, and again only when what it gave has expired or was refused.
 * https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
 */
export class ExecCredential {
  readonly #place: string
  readonly #command: string
  readonly #args: readonly string[]
  readonly #env: NodeJS.ProcessEnv
  readonly #apiVersion: string
  readonly #installHint: string
  readonly #clock: Clock
  #credential: PluginCredential | undefined
  #expiresMs = 0
  #ranMs = Number.NEGATIVE_INFINITY
  #running: Promise<PluginCredential> | undefined

  /** Throws an `AccessError` when the entry cannot be used. */
  constructor(exec: KubeConfigEntry, cluster: { readonly server: string; readonly tls: TlsMaterial }, env: Environment, clock: Clock) {
    this.#place = exec.place
    this.#clock = clock
    const command = exec.text('command')
    if (command === '') throw accessError(`${exec.place}.command`, 'missing', { expected: 'the name or path of a program' })
    this.#command = command.includes('/') && !isAbsolute(command) ? join(exec.folder, command) : command
    this.#args = exec.texts('args')
    this.#installHint = exec.text('installHint')
    this.#apiVersion = exec.text('apiVersion')
    if (!API_VERSIONS.includes(this.#apiVersion))
      throw accessError(`${exec.place}.apiVersion`, 'not supported', { expected: API_VERSIONS.join(' or '), found: this.#apiVersion || '(nothing)' })
    if (exec.text('interactiveMode') === 'Always')
      throw accessError(`${exec.place}.interactiveMode`, 'needs a terminal, which a daemon has none of', { expected: 'Never or IfAvailable', found: 'Always' })
    const spec = { interactive: false, ...(exec.flag('provideClusterInfo') ? { cluster: clusterInfo(cluster) } : {}) }
    const own = Object.fromEntries(exec.entries('env').map((variable) => [variable.text('name'), variable.text('value')]))
    this.#env = { ...env, ...own, KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion: this.#apiVersion, kind: 'ExecCredential', spec }) }
  }

  /** The credential, from the plugin if need be. Rejects with an `AccessError` when the plugin fails. */
  async current(): Promise<PluginCredential> {
    const isFresh = this.#clock.now() < this.#expiresMs - EXPIRY_MARGIN_MS || this.#clock.monotonic() - this.#ranMs < RUN_INTERVAL_MS_MIN
    if (this.#credential !== undefined && isFresh) return this.#credential
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** The next `current()` runs the plugin, unless it has run just now. */
  expire(): void {
    this.#expiresMs = 0
  }

  async #run(): Promise<PluginCredential> {
    const output = await this.#output()
    this.#ranMs = this.#clock.monotonic()
    const { credential, expiresMs } = this.#read(output)
    this.#credential = credential
    this.#expiresMs = expiresMs
    return credential
  }

  #output(): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { env: this.#env, timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX, encoding: 'utf8' as const }
      const child = execFile(this.#command, this.#args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(this.#problem(error, stderr))
      })
      // A plugin that reads gets the end of its input instead of waiting for ever; one that never started has no pipe to write to.
      child.stdin?.on('error', () => {})
      child.stdin?.end()
    })
  }

  #problem(error: ExecFileException, stderr: string): Error {
    const hint = this.#installHint === '' ? {} : { hint: this.#installHint.trim() }
    if (error.code === 'ENOENT') return accessError(`${this.#place}.command`, 'no such program', { found: this.#command, ...hint, cause: error })
    const last = stderr.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
    const how = error.killed === true ? `did not end within ${RUN_MS_MAX / 1000} s` : `ended with ${error.code ?? 'a signal'}`
    // The error itself is no cause: its message holds the whole command line.
    return accessError(this.#place, `${this.#command} ${how}${last === '' ? '' : `, saying: ${last}`}`, hint)
  }

  #read(output: string): { readonly credential: PluginCredential; readonly expiresMs: number } {
    const wrong = (found: string): Error =>
      accessError(this.#place, `${this.#command} gave no credential`, { expected: `an ExecCredential of ${this.#apiVersion}`, found })
    let parsed: { readonly apiVersion?: unknown; readonly kind?: unknown; readonly status?: Readonly<Record<string, unknown>> }
    try {
      parsed = JSON.parse(output) as typeof parsed
    } catch {
      throw wrong('something that is not JSON')
    }
    if (parsed?.kind !== 'ExecCredential' || parsed.apiVersion !== this.#apiVersion) throw wrong(`${String(parsed?.kind)} of ${String(parsed?.apiVersion)}`)
    const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = parsed.status ?? {}
    const credential = { token: textOf(token) ?? '', cert: textOf(cert), key: textOf(key) }
    if (credential.token === '' && credential.cert === undefined) throw wrong('neither a token nor a client certificate')
    if ((credential.cert === undefined) !== (credential.key === undefined)) throw wrong('a client certificate or key without the other')
    const expiresMs = typeof expirationTimestamp === 'string' ? Date.parse(expirationTimestamp) : Number.POSITIVE_INFINITY
    return { credential, expiresMs: Number.isNaN(expiresMs) ? Number.POSITIVE_INFINITY : expiresMs }
  }
}

function clusterInfo({ server, tls }: { readonly server: string; readonly tls: TlsMaterial }): Readonly<Record<string, unknown>> {
  return {
    server,
    ...(tls.serverName === '' ? {} : { 'tls-server-name': tls.serverName }),
    ...(tls.isUnverified ? { 'insecure-skip-tls-verify': true } : {}),
    ...(tls.ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(tls.ca).toString('base64') }),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
