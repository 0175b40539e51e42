import { parseEndpoint } from '../../lib/endpoint.ts'

/** Where a gRPC client connects to. */
export interface Target {
  /** In gRPC's naming (https://github.com/grpc/grpc/blob/master/doc/naming.md). */
  readonly name: string
  readonly isPlain: boolean
  /** `host:port`, or the path of a socket. */
  readonly address: string
}

/** Reads an `endpoint`; undefined when it is none. A scheme decides about TLS, as in the Collector; without one `insecure` does. */
export function targetOf(endpoint: string, isInsecure: boolean): Target | undefined {
  const unix = /^unix:(?:\/\/)?(.+)$/.exec(endpoint)
  if (unix !== null) return { name: `unix:${unix[1]}`, isPlain: isInsecure, address: unix[1] as string }
  const [, scheme, rest = ''] = /^(?:(https?):\/\/|dns:(?:\/\/\/)?)?(.*?)\/?$/.exec(endpoint) ?? []
  const address = parseEndpoint(rest)
  if (address === undefined || address.port === 0) return undefined
  return { name: `dns:${rest}`, isPlain: scheme === undefined ? isInsecure : scheme === 'http', address: rest }
}
