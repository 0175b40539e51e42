import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls'
import type { Clock, Logger } from '../component.ts'
import type { FieldProblem } from '../config_schema.ts'

/** IANA names of the suites for TLS 1.2 and below that Node.js still offers. */
const SUITES: Readonly<Record<string, string>> = {
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
}

/** Suites of TLS 1.3, which always stay on: naming only older suites must not switch TLS 1.3 off. */
const SUITES_13 = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256']

/** What the TLS blocks of listeners and of clients have in common. */
interface VersionConfig {
  readonly min_version: string
  readonly max_version: string
  readonly cipher_suites: readonly string[]
}

/** Problems with versions and cipher suites; `path` is where the block stands in the component's config. */
export function checkVersions(tls: VersionConfig, path: readonly string[]): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (tls.min_version > tls.max_version)
    problems.push({ path: [...path, 'min_version'], problem: 'above max_version', expected: `at most ${tls.max_version}`, found: tls.min_version })
  tls.cipher_suites.forEach((suite, i) => {
    if (SUITES[suite] === undefined)
      problems.push({
        path: [...path, 'cipher_suites', i],
        problem: 'unknown cipher suite',
        expected: `one of ${Object.keys(SUITES).join(', ')}`,
        found: suite,
      })
  })
  return problems
}

/** Versions and cipher suites as Node.js has them. */
export function versionOptions(tls: VersionConfig): SecureContextOptions {
  return {
    minVersion: `TLSv${tls.min_version}`.replace('v1.0', 'v1') as SecureVersion,
    maxVersion: `TLSv${tls.max_version}`.replace('v1.0', 'v1') as SecureVersion,
    ...(tls.cipher_suites.length === 0 ? {} : { ciphers: [...SUITES_13, ...tls.cipher_suites.map((suite) => SUITES[suite] ?? suite)].join(':') }),
  }
}

/** The PEM text itself, or what stands in the file. Throws a sentence for the operator when it cannot be read. */
export function pemAt(pem: string | undefined, file: string | undefined, name: string): string | undefined {
  if (pem !== undefined || file === undefined) return pem
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'not permitted to read it' : (error as Error).message
    throw new Error(`cannot read ${name} ${file}: ${reason}`, { cause: error })
  }
}

/** Throws a sentence for the operator when certificate and key cannot be used together; `place` says where they stand. */
export function checkMaterial(options: SecureContextOptions, place: string): void {
  try {
    createSecureContext(options)
  } catch (error) {
    throw new Error(`cannot use ${place}: ${(error as Error).message}; expected a PEM certificate and its own unencrypted private key`, { cause: error })
  }
}

export interface TlsMaterialSettings {
  readonly clock: Clock
  readonly log: Logger
  /** 0 = the files are read once. */
  readonly reloadMs: number
  /** Named in the log. */
  readonly file: string | undefined
}

/** Options made from certificate files, and made anew when the files change. */
export class TlsMaterial<Options extends SecureContextOptions> {
  readonly #load: () => Options
  readonly #settings: TlsMaterialSettings
  #options: Options
  #text: string

  /** `load` reads the files and throws a sentence for the operator when they cannot be used; so does the constructor. */
  constructor(load: () => Options, settings: TlsMaterialSettings) {
    this.#load = load
    this.#settings = settings
    this.#options = load()
    this.#text = textOf(this.#options)
  }

  /** Certificates and rules as they were last read. */
  get options(): Options {
    return this.#options
  }

  /** Calls `apply` with new options whenever the files have changed and fit together, until the returned function is called. */
  watch(apply: (options: Options) => void): () => void {
    const { clock, log, reloadMs, file } = this.#settings
    if (reloadMs <= 0) return () => {}
    return clock.every(reloadMs, () => {
      try {
        const options = this.#load()
        const text = textOf(options)
        if (text === this.#text) return
        apply(options)
        this.#options = options
        this.#text = text
        log.info({ cert_file: file }, 'certificates reloaded')
      } catch (error) {
        log.warn({ error: error instanceof Error ? error.message : String(error) }, 'certificates not reloaded, the old ones stay in use')
      }
    })
  }
}

function textOf(options: SecureContextOptions): string {
  return JSON.stringify([options.cert, options.key, options.ca])
}
