import type { FieldProblem, FromSchema } from '../../config_schema.ts'
import { isHttpUrl } from '../http_sender.ts'

/**
 * The settings that components of AWS services have in common, under the names of the Collector's AWS session block; to be
 * spread into the `properties` of a `configSchema`.
 */
export const AWS_SESSION_PROPERTIES = {
  region: {
    type: 'string',
    minLength: 1,
    description: 'Region of the service, such as `eu-west-1`; without it AWS_REGION, AWS_DEFAULT_REGION, and last what the EC2 instance says.',
  },
  endpoint: {
    type: 'string',
    minLength: 1,
    description: 'URL of the service instead of the public one of the region, such as that of a VPC endpoint.',
  },
  role_arn: { type: 'string', minLength: 1, description: 'Role to assume with the credentials that are found, for another account.' },
  external_id: { type: 'string', minLength: 1, description: 'External id that the trust policy of `role_arn` asks for.' },
  profile: { type: 'string', minLength: 1, description: 'Profile of the shared config and credentials files; without it AWS_PROFILE, or `default`.' },
  shared_credentials_file: {
    type: 'array',
    items: { type: 'string', minLength: 1, format: 'path' },
    maxItems: 1,
    default: [],
    description: 'Credentials file to read instead of `~/.aws/credentials`.',
  },
  proxy_address: {
    type: 'string',
    minLength: 1,
    secret: true,
    description: 'URL of the HTTP proxy that connections to the service go through; variables such as HTTPS_PROXY are not looked at.',
  },
  no_verify_ssl: { type: 'boolean', default: false, description: 'Whether any certificate of the service is taken; for tests only.' },
  certificate_file_path: {
    type: 'string',
    format: 'path',
    minLength: 1,
    description: 'PEM file with the authorities to trust instead of those of the system.',
  },
  local_mode: { type: 'boolean', default: false, description: 'Whether the EC2 instance is not asked for the region.' },
  request_timeout_seconds: { type: 'integer', minimum: 1, default: 30, description: 'Longest time that one request to the service may take.' },
  max_retries: { type: 'integer', minimum: 0, default: 2, description: 'Read and not needed: `retry_on_failure` says how often something is sent again.' },
  imds_retries: { type: 'integer', minimum: 0, default: 1, description: 'How often a request to the metadata service of EC2 is repeated.' },
  resource_arn: { type: 'string', description: 'Read and not needed: only the X-Ray exporter of the Collector uses it.' },
} as const

/** The settings of `AWS_SESSION_PROPERTIES` with their defaults filled in. */
export type AwsSessionConfig = FromSchema<{
  readonly type: 'object'
  readonly additionalProperties: false
  readonly properties: typeof AWS_SESSION_PROPERTIES
}>

/** What a schema cannot say about the session settings; for the `check` of a `configSchema`. Never throws. */
export function checkAwsSession(session: AwsSessionConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  const { endpoint, proxy_address: proxy, region, role_arn: role, external_id: externalId } = session
  if (region !== undefined) problems.push(...checkRegion(region, ['region']))
  if (endpoint !== undefined && !isHttpUrl(endpoint)) {
    problems.push({ path: ['endpoint'], problem: 'not a URL', expected: 'https://host or http://host:port', found: endpoint, hint: `https://${endpoint}` })
  }
  // It may hold a password, so it is not shown.
  if (proxy !== undefined && !isHttpUrl(proxy))
    problems.push({ path: ['proxy_address'], problem: 'not a URL', expected: 'http://host:port or https://host:port' })
  if (role !== undefined) problems.push(...checkRoleArn(role, ['role_arn']))
  if (externalId !== undefined && role === undefined) {
    problems.push({ path: ['external_id'], problem: 'given without role_arn', expected: 'role_arn and external_id, or no external_id', hint: 'set role_arn' })
  }
  return problems
}

/** Problems with the name of a region. */
export function checkRegion(found: string, path: readonly string[]): FieldProblem[] {
  if (/^[a-z]{2,}(-[a-z0-9]+)+-\d+$/.test(found)) return []
  return [{ path, problem: 'not a region', expected: 'the name of a region, such as eu-west-1', found }]
}

/** Problems with the ARN of a role. */
export function checkRoleArn(found: string, path: readonly string[]): FieldProblem[] {
  if (/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(found)) return []
  return [{ path, problem: 'not the ARN of a role', expected: 'arn:aws:iam::<account>:role/<name>', found }]
}
