/** A listening or target address taken apart. */
export interface Endpoint {
  /** As written, without the brackets of an IPv6 address; empty means every interface. */
  readonly host: string
  readonly port: number
}

const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|)$/
const IPV6 = /^[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?$/

/** Takes `host:port`, `:port` or `[ipv6]:port` apart; undefined when the text is not of that form or the port is not 0–65535. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const [, ipv6, name, digits] = match
  const port = Number(digits)
  if (port > 65_535) return undefined
  if (ipv6 !== undefined) return IPV6.test(ipv6) && ipv6.includes(':') ? { host: ipv6, port } : undefined
  return HOST.test(name ?? '') ? { host: name ?? '', port } : undefined
}

/**
 * True when two listeners on these addresses cannot both be opened: same port, and the same host or one of them on
 * every interface. Port 0 never conflicts. `localhost` counts as 127.0.0.1 and as ::1.
 */
export function endpointsConflict(a: Endpoint, b: Endpoint): boolean {
  if (a.port !== b.port || a.port === 0) return false
  const left = hostsOf(a.host)
  const right = hostsOf(b.host)
  return left.includes('*') || right.includes('*') || left.some((host) => right.includes(host))
}

function hostsOf(host: string): readonly string[] {
  const lower = host.toLowerCase()
  if (lower === '' || lower === '0.0.0.0' || /^[0:]*:[0:]*$/.test(lower)) return ['*']
  if (lower === 'localhost') return ['127.0.0.1', '::1']
  return [/^(?:0*:)+0*1$/.test(lower) ? '::1' : lower]
}
