import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { durationMs } from '../../lib/duration.ts'
import type { Clock, Logger } from '../component.ts'
import type { FieldProblem, FromSchema } from '../config_schema.ts'
import { checkMaterial, checkVersions, pemAt, TlsMaterial, versionOptions } from './tls_material.ts'

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
  problems.push(...checkVersions(tls, path))
  return problems
}

/**
 * The server side of TLS from a checked block: reads the files, checks that certificate and key belong together, and
 * tells when the files have changed. A set of files that does not fit together is logged and the old one stays in use.
 */
export class ServerTls extends TlsMaterial<TlsOptions & SecureContextOptions> {
  /** Reads the files; throws a sentence for the operator when they cannot be used. */
  constructor(config: TlsServerConfig, settings: { readonly clock: Clock; readonly log: Logger }) {
    super(() => serverOptions(config), { ...settings, reloadMs: durationMs(config.reload_interval), file: config.cert_file })
  }
}

function serverOptions(config: TlsServerConfig): TlsOptions & SecureContextOptions {
  const clientCa = pemAt(config.client_ca_pem, config.client_ca_file, 'tls.client_ca_file')
  const options: TlsOptions & SecureContextOptions = {
    cert: pemAt(config.cert_pem, config.cert_file, 'tls.cert_file') ?? '',
    key: pemAt(config.key_pem, config.key_file, 'tls.key_file') ?? '',
    ...versionOptions(config),
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    ...(config.curve_preferences.length === 0 ? {} : { ecdhCurve: config.curve_preferences.map((curve) => curve.replace(/^P(\d+)$/, 'P-$1')).join(':') }),
  }
  const place = config.cert_file === undefined ? 'tls.cert_pem' : `tls.cert_file ${config.cert_file} and tls.key_file ${config.key_file ?? '(key_pem)'}`
  checkMaterial(options, place)
  return options
}
