import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions, type SecureVersion, type TlsOptions } from 'node:tls'
import { durationMs } from '../../lib/duration.ts'
import type { Clock, Logger } from '../component.ts'
import type { FieldProblem, FromSchema } from '../config_schema.ts'

/** The TLS block of a listener, by the names of the Collector's `configtls` server settings. */
export const tlsServerSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Serves TLS; without it the listener speaks plain text.',
  properties: {
    cert_file: { type: 'string', format: 'path', description: 'PEM file with the server certificate and its chain.' },
    cert_pem: { type: 'string', description: 'The server certificate and its chain as PEM text, instead of cert_file.' },
    key_file: { type: 'string', format: 'path', description: 'PEM file with the private key of the server certificate.' },
    key_pem: { type: 'string', secret: true, description: 'The private key as PEM text, instead of key_file.' },
    client_ca_file: {
      type: 'string',
      format: 'path',
      description: 'PEM file with the authorities that sign client certificates. When set, a client must show one (mTLS).',
    },
    client_ca_pem: { type: 'string', description: 'The authorities of client certificates as PEM text, instead of client_ca_file.' },
    min_version: { type: 'string', enum: ['1.0', '1.1', '1.2', '1.3'], default: '1.2', description: 'Lowest TLS version that is accepted.' },
    max_version: { type: 'string', enum: ['1.0', '1.1', '1.2', '1.3'], default: '1.3', description: 'Highest TLS version that is accepted.' },
    cipher_suites: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Cipher suites for TLS 1.2 and below, by their IANA names (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256); empty = a safe list.',
    },
    curve_preferences: {
      type: 'array',
      items: { type: 'string', enum: ['X25519', 'P256', 'P384', 'P521'] },
      default: [],
      description: 'Curves for the key exchange, best first; empty = a safe list.',
    },
    reload_interval: {
      type: 'string',
      format: 'duration',
      default: '1m',
      description: 'How often the files are looked at; new connections use what they hold then. 0s = never.',
    },
  },
} as const

export type TlsServerConfig = FromSchema<typeof tlsServerSchema>

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

/** Problems of a TLS block that its schema cannot express; `path` is where the block stands in the component's config. */
export function checkTlsServer(tls: TlsServerConfig | undefined, path: readonly string[]): readonly FieldProblem[] {
  if (tls === undefined) return []
  const problems: FieldProblem[] = []
  const pairs = [
    ['cert_file', 'cert_pem', true],
    ['key_file', 'key_pem', true],
    ['client_ca_file', 'client_ca_pem', false],
  ] as const
  for (const [file, pem, isNeeded] of pairs) {
    if (tls[file] !== undefined && tls[pem] !== undefined)
      problems.push({ path: [...path, pem], problem: `given together with ${file}`, expected: `one of ${file} and ${pem}`, hint: 'remove one of them' })
    if (isNeeded && tls[file] === undefined && tls[pem] === undefined)
      problems.push({ path, problem: `no ${file}`, expected: `${file} or ${pem}`, hint: 'a listener with a tls block needs a certificate and its key' })
  }
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

/**
 * The server side of TLS from a checked block: reads the files, checks that certificate and key belong together, and
 * tells when the files have changed. A set of files that does not fit together is logged and the old one stays in use.
 */
export class ServerTls {
  readonly #config: TlsServerConfig
  readonly #clock: Clock
  readonly #log: Logger
  #options: TlsOptions & SecureContextOptions
  #material: string

  /** Reads the files; throws a sentence for the operator when they cannot be used. */
  constructor(config: TlsServerConfig, settings: { readonly clock: Clock; readonly log: Logger }) {
    this.#config = config
    this.#clock = settings.clock
    this.#log = settings.log
    this.#options = this.#load()
    this.#material = materialOf(this.#options)
  }

  /** Certificates and rules as they were last read. */
  get options(): TlsOptions & SecureContextOptions {
    return this.#options
  }

  /** Calls `apply` with new options whenever the files have changed and fit together, until the returned function is called. */
  watch(apply: (options: TlsOptions & SecureContextOptions) => void): () => void {
    const intervalMs = durationMs(this.#config.reload_interval)
    if (intervalMs <= 0) return () => {}
    return this.#clock.every(intervalMs, () => {
      try {
        const options = this.#load()
        const material = materialOf(options)
        if (material === this.#material) return
        apply(options)
        this.#options = options
        this.#material = material
        this.#log.info({ cert_file: this.#config.cert_file }, 'certificates reloaded')
      } catch (error) {
        this.#log.warn({ error: error instanceof Error ? error.message : String(error) }, 'certificates not reloaded, the old ones stay in use')
      }
    })
  }

  #load(): TlsOptions & SecureContextOptions {
    const config = this.#config
    const clientCa = materialAt(config.client_ca_pem, config.client_ca_file, 'tls.client_ca_file')
    const options: TlsOptions & SecureContextOptions = {
      cert: materialAt(config.cert_pem, config.cert_file, 'tls.cert_file') ?? '',
      key: materialAt(config.key_pem, config.key_file, 'tls.key_file') ?? '',
      minVersion: `TLSv${config.min_version}`.replace('v1.0', 'v1') as SecureVersion,
      maxVersion: `TLSv${config.max_version}`.replace('v1.0', 'v1') as SecureVersion,
      ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
      ...(config.cipher_suites.length === 0 ? {} : { ciphers: [...SUITES_13, ...config.cipher_suites.map((suite) => SUITES[suite] ?? suite)].join(':') }),
      ...(config.curve_preferences.length === 0 ? {} : { ecdhCurve: config.curve_preferences.map((curve) => curve.replace(/^P(\d+)$/, 'P-$1')).join(':') }),
    }
    try {
      createSecureContext(options)
    } catch (error) {
      const place = config.cert_file === undefined ? 'tls.cert_pem' : `tls.cert_file ${config.cert_file} and tls.key_file ${config.key_file ?? '(key_pem)'}`
      throw new Error(`cannot use ${place}: ${(error as Error).message}; expected a PEM certificate and its own unencrypted private key`, { cause: error })
    }
    return options
  }
}

function materialAt(pem: string | undefined, file: string | undefined, name: string): string | undefined {
  if (pem !== undefined || file === undefined) return pem
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'not permitted to read it' : (error as Error).message
    throw new Error(`cannot read ${name} ${file}: ${reason}`, { cause: error })
  }
}

function materialOf(options: SecureContextOptions): string {
  return JSON.stringify([options.cert, options.key, options.ca])
}
