import { rootCertificates, type SecureContextOptions } from 'node:tls'
import { durationMs } from '../../lib/duration.ts'
import type { Clock, Logger } from '../component.ts'
import type { FieldProblem, FromSchema } from '../config_schema.ts'
import { checkMaterial, checkVersions, pemAt, TlsMaterial, versionOptions } from './tls_material.ts'

/** The TLS block of a client, by the names of the Collector's `configtls` client settings. */
export const tlsClientSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'How the server is verified, and what is shown to it.',
  properties: {
    insecure: { type: 'boolean', default: false, description: 'Plain text instead of TLS.' },
    insecure_skip_verify: { type: 'boolean', default: false, description: 'Whether any certificate of the server is taken; for tests only.' },
    ca_file: { type: 'string', format: 'path', description: 'PEM file with the authorities that sign the server certificate; without it those of the system.' },
    ca_pem: { type: 'string', description: 'The authorities as PEM text, instead of ca_file.' },
    include_system_ca_certs_pool: {
      type: 'boolean',
      default: false,
      description: 'Whether the authorities of the system are trusted beside those of ca_file.',
    },
    cert_file: { type: 'string', format: 'path', description: 'PEM file with the certificate to show to the server (mTLS).' },
    cert_pem: { type: 'string', description: 'The certificate as PEM text, instead of cert_file.' },
    key_file: { type: 'string', format: 'path', description: 'PEM file with the private key of the certificate.' },
    key_pem: { type: 'string', secret: true, description: 'The private key as PEM text, instead of key_file.' },
    server_name_override: { type: 'string', minLength: 1, description: 'The name that the server certificate must have, instead of that of the endpoint.' },
    min_version: { type: 'string', enum: ['1.0', '1.1', '1.2', '1.3'], default: '1.2', description: 'Lowest TLS version.' },
    max_version: { type: 'string', enum: ['1.0', '1.1', '1.2', '1.3'], default: '1.3', description: 'Highest TLS version.' },
    cipher_suites: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Cipher suites for TLS 1.2 and below, by their IANA names (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256); empty = a safe list.',
    },
    reload_interval: {
      type: 'string',
      format: 'duration',
      default: '1m',
      description: 'How often the files are looked at; new connections use what they hold then. 0s = never.',
    },
  },
} as const

export type TlsClientConfig = FromSchema<typeof tlsClientSchema>

/** Problems of a TLS block that its schema cannot express; `path` is where the block stands in the component's config. */
export function checkTlsClient(tls: TlsClientConfig, path: readonly string[]): FieldProblem[] {
  const problems: FieldProblem[] = []
  const pairs = [
    ['ca_file', 'ca_pem'],
    ['cert_file', 'cert_pem'],
    ['key_file', 'key_pem'],
  ] as const
  for (const [file, pem] of pairs) {
    if (tls[file] !== undefined && tls[pem] !== undefined)
      problems.push({ path: [...path, pem], problem: `given together with ${file}`, expected: `one of ${file} and ${pem}`, hint: 'remove one of them' })
  }
  if (hasCertificate(tls) !== hasKey(tls)) {
    const [given, missing] = hasKey(tls) ? ['key', 'certificate'] : ['certificate', 'key']
    problems.push({ path, problem: `a ${given} without its ${missing}`, expected: 'cert_file and key_file, or neither' })
  }
  return [...problems, ...checkVersions(tls, path)]
}

/** What `tls.connect` and `createSecureContext` get. */
export interface ClientTlsOptions extends SecureContextOptions {
  readonly rejectUnauthorized: boolean
  readonly servername?: string
}

/** The client side of TLS from a checked block, read from its files and read again when these change. */
export class ClientTls extends TlsMaterial<ClientTlsOptions> {
  /** Reads the files; throws a sentence for the operator when they cannot be used. */
  constructor(config: TlsClientConfig, settings: { readonly clock: Clock; readonly log: Logger }) {
    super(() => clientOptions(config), { ...settings, reloadMs: durationMs(config.reload_interval), file: config.cert_file ?? config.ca_file })
  }
}

function clientOptions(config: TlsClientConfig): ClientTlsOptions {
  const ca = pemAt(config.ca_pem, config.ca_file, 'tls.ca_file')
  const cert = pemAt(config.cert_pem, config.cert_file, 'tls.cert_file')
  const key = pemAt(config.key_pem, config.key_file, 'tls.key_file')
  const options: ClientTlsOptions = {
    rejectUnauthorized: !config.insecure_skip_verify,
    ...versionOptions(config),
    ...(ca === undefined ? {} : { ca: config.include_system_ca_certs_pool ? [...rootCertificates, ca] : [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(config.server_name_override === undefined ? {} : { servername: config.server_name_override }),
  }
  checkMaterial(options, `the certificates of tls (${config.cert_file ?? config.ca_file ?? 'given as text'})`)
  return options
}

function hasCertificate({ cert_file: file, cert_pem: pem }: TlsClientConfig): boolean {
  return (file ?? pem) !== undefined
}

function hasKey({ key_file: file, key_pem: pem }: TlsClientConfig): boolean {
  return (file ?? pem) !== undefined
}
