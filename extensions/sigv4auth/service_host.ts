/** What the name of an AWS endpoint says. */
export interface ServiceHost {
  readonly service?: string
  readonly region?: string
}

const REGION = /^[a-z]{2,}(?:-[a-z0-9]+)+-\d+$/
const DOMAINS = ['.amazonaws.com', '.amazonaws.com.cn', '.amazonaws.eu', '.api.aws', '.api.amazonwebservices.com.cn']

/** Services whose name in signatures is not the first label of their hosts. */
const SIGNED_AS: Readonly<Record<string, string>> = { 'aps-workspaces': 'aps', 'xray-fips': 'xray', 'logs-fips': 'logs', 'monitoring-fips': 'monitoring' }

/**
 * Service and region in the name of a public endpoint: `xray.eu-west-1.amazonaws.com`, `search-mesh-abc.eu-west-1.es.amazonaws.com`.
 * Of any other name, such as that of a VPC endpoint's own, neither.
 */
export function serviceOfHost(host: string): ServiceHost {
  const name = host.toLowerCase()
  const domain = DOMAINS.find((one) => name.endsWith(one))
  if (domain === undefined) return {}
  const labels = name.slice(0, -domain.length).split('.')
  const [first, last] = [labels[0] ?? '', labels.at(-1) ?? '']
  // Where the service is the last label, the region stands before it: of OpenSearch, and of interface endpoints (vpce).
  const before = labels.at(-2) ?? ''
  if (labels.length >= 3 && REGION.test(before))
    return last === 'vpce' ? { service: signedAs(labels.at(-3) ?? ''), region: before } : { service: last, region: before }
  return labels.length === 2 && REGION.test(last) ? { service: signedAs(first), region: last } : {}
}

function signedAs(label: string): string {
  return SIGNED_AS[label] ?? label
}
