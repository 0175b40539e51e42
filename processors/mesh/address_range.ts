/** IPv4 blocks that no host on the internet has: private, shared, link-local, documentation, multicast and reserved ones. */
const NOT_PUBLIC: readonly (readonly [base: number, bits: number])[] = [
  [0x00000000, 8],
  [0x0a000000, 8],
  [0x64400000, 10],
  [0x7f000000, 8],
  [0xa9fe0000, 16],
  [0xac100000, 12],
  [0xc0000000, 24],
  [0xc0000200, 24],
  [0xc0a80000, 16],
  [0xc6120000, 15],
  [0xc6336400, 24],
  [0xcb007100, 24],
  [0xe0000000, 4],
  [0xf0000000, 4],
]

/**
 * True for IPv4 addresses of the internet (RFC 6890). IPv6 has no such sign: clusters give their pods global addresses, so
 * every IPv6 address counts as one that may be in the cluster.
 */
export function isPublicIpv4(ip: string): boolean {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(ip)
  if (match === null) return false
  const octets = match.slice(1).map(Number)
  if (octets.some((octet) => octet > 255)) return false
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0)
  return !NOT_PUBLIC.some(([base, bits]) => Math.floor(value / 2 ** (32 - bits)) === Math.floor(base / 2 ** (32 - bits)))
}
