/** Public addresses of services: https://docs.aws.amazon.com/general/latest/gr/rande.html. */

type Environment = Readonly<Record<string, string | undefined>>

/** Domains of the partitions; a region belongs to the one whose prefix it has, else to `aws`. */
const PARTITIONS = [
  { prefix: 'cn-', domain: 'amazonaws.com.cn', dualStack: 'api.amazonwebservices.com.cn' },
  { prefix: 'us-isob-', domain: 'sc2s.sgov.gov', dualStack: 'api.aws.scloud' },
  { prefix: 'us-isof-', domain: 'csp.hci.ic.gov', dualStack: 'api.aws.hci.ic.gov' },
  { prefix: 'us-iso-', domain: 'c2s.ic.gov', dualStack: 'api.aws.ic.gov' },
  { prefix: 'eu-isoe-', domain: 'cloud.adc-e.uk', dualStack: 'api.cloud-aws.adc-e.uk' },
  { prefix: 'eusc-', domain: 'amazonaws.eu', dualStack: 'api.amazonwebservices.eu' },
] as const

const AWS = { domain: 'amazonaws.com', dualStack: 'api.aws' } as const

/** A service: the first label of its hosts, and its part of `AWS_ENDPOINT_URL_…`. */
export interface AwsServiceName {
  readonly host: string
  readonly variable: string
}

/**
 * The URL of a service: what the config says, else `AWS_ENDPOINT_URL_<service>` or `AWS_ENDPOINT_URL`, else the public one
 * of the region, by IPv6 too and of FIPS where `AWS_USE_DUALSTACK_ENDPOINT` and `AWS_USE_FIPS_ENDPOINT` ask for it.
 */
export function serviceUrl(
  { host, variable }: AwsServiceName,
  region: string,
  { endpoint, env }: { readonly endpoint?: string | undefined; readonly env: Environment },
): URL {
  const given = endpoint ?? (env[`AWS_ENDPOINT_URL_${variable}`] || env['AWS_ENDPOINT_URL'])
  if (given) return new URL(given)
  const { domain, dualStack } = PARTITIONS.find(({ prefix }) => region.startsWith(prefix)) ?? AWS
  const label = isOn(env['AWS_USE_FIPS_ENDPOINT']) ? `${host}-fips` : host
  return new URL(`https://${label}.${region}.${isOn(env['AWS_USE_DUALSTACK_ENDPOINT']) ? dualStack : domain}/`)
}

function isOn(value: string | undefined): boolean {
  return value?.toLowerCase() === 'true'
}
