/**
 * IP addresses as numbers: text to four 32-bit words and back, without creating anything on the way in. Pure.
 *
 * An IPv6 address that maps an IPv4 one (`::ffff:10.0.0.1`) is that IPv4 address; a zone (`fe80::1%eth0`) is dropped.
 */

/** The kind of an address: 0 means that the text is none. */
export type IpFamily = 0 | 4 | 6

const ZERO = 0x30
const DOT = 0x2e
const COLON = 0x3a

const groups = new Int32Array(8)

/**
 * Writes the words of an address to `words`, most significant first: an IPv4 address into `words[0]` (the rest is 0), an
 * IPv6 address into all four. Returns the family, 0 for a text that is no address (`words` is then undefined).
 */
export function parseIp(text: string, words: Int32Array): IpFamily {
  const isV4 = parseIpv4(text, 0, text.length)
  if (isV4) {
    words[0] = ipv4
    words[1] = words[2] = words[3] = 0
    return 4
  }
  return parseIpv6(text, words)
}

/** The shortest form of an address (RFC 5952), as Kubernetes writes it; undefined for a text that is no address. */
export function normalizeIp(text: string): string | undefined {
  const words = new Int32Array(4)
  const family = parseIp(text, words)
  return family === 0 ? undefined : formatIp(family, words)
}

/** The shortest form of the address in `words` (RFC 5952 §4). */
export function formatIp(family: IpFamily, words: ArrayLike<number>, at = 0): string {
  const first = words[at] as number
  if (family === 4) return `${first >>> 24}.${(first >>> 16) & 255}.${(first >>> 8) & 255}.${first & 255}`
  const parts: number[] = []
  for (let i = 0; i < 4; i++) parts.push((words[at + i] as number) >>> 16, (words[at + i] as number) & 0xffff)
  const gap = longestGap(parts)
  const hex = (from: number, to: number): string =>
    parts
      .slice(from, to)
      .map((part) => part.toString(16))
      .join(':')
  return gap.length < 2 ? hex(0, 8) : `${hex(0, gap.start)}::${hex(gap.start + gap.length, 8)}`
}

/** The prefix length of a CIDR (`10.0.0.0/8`) whose slash stands at `slash`; -1 when it is none that `family` can have. */
export function prefixBits(cidr: string, slash: number, family: IpFamily): number {
  const digits = cidr.slice(slash + 1)
  const bits = /^\d{1,3}$/.test(digits) ? Number(digits) : -1
  return bits <= (family === 4 ? 32 : 128) ? bits : -1
}

/** The address that `parseIpv4` read last. */
let ipv4 = 0

function parseIpv4(text: string, start: number, end: number): boolean {
  if (end - start < 7 || end - start > 15) return false
  let value = 0
  let octets = 0
  let octet = -1
  for (let at = start; at <= end; at++) {
    const code = at === end ? DOT : text.charCodeAt(at)
    if (code === DOT) {
      if (octet < 0 || octets === 4) return false
      value = (value << 8) | octet
      octets++
      octet = -1
    } else {
      const digit = code - ZERO
      if (digit < 0 || digit > 9 || octet === 0) return false
      octet = octet < 0 ? digit : octet * 10 + digit
      if (octet > 255) return false
    }
  }
  ipv4 = value
  return octets === 4
}

function parseIpv6(text: string, words: Int32Array): IpFamily {
  const count = readGroups(text)
  if (count !== 8) return 0
  if (groups[5] === 0xffff && (groups[0] as number) + (groups[1] as number) + (groups[2] as number) + (groups[3] as number) + (groups[4] as number) === 0) {
    words[0] = ((groups[6] as number) << 16) | (groups[7] as number)
    words[1] = words[2] = words[3] = 0
    return 4
  }
  for (let i = 0; i < 4; i++) words[i] = ((groups[i * 2] as number) << 16) | (groups[i * 2 + 1] as number)
  return 6
}

/** Reads the eight groups of an IPv6 address; returns 8, or something else when the text is none. */
function readGroups(text: string): number {
  const zone = text.indexOf('%')
  // An empty zone is none (RFC 4007 §11).
  const end = zone > 0 && zone + 1 < text.length ? zone : text.length
  let count = 0
  let gapAt = -1
  let at = 0
  if (end < 2) return -1
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return -1
    gapAt = 0
    at = 2
  }
  while (at < end) {
    if (count === 8) return -1
    let value = 0
    let digits = 0
    const from = at
    for (; at < end; at++, digits++) {
      const digit = hexDigit(text.charCodeAt(at))
      if (digit < 0) break
      value = (value << 4) | digit
    }
    if (at < end && text.charCodeAt(at) === DOT) {
      if (count > 6 || !parseIpv4(text, from, end)) return -1
      groups[count++] = ipv4 >>> 16
      groups[count++] = ipv4 & 0xffff
      at = end
      break
    }
    if (digits === 0 || digits > 4) return -1
    groups[count++] = value
    if (at === end) break
    if (text.charCodeAt(at) !== COLON || ++at === end) return -1
    if (text.charCodeAt(at) === COLON) {
      if (gapAt >= 0) return -1
      gapAt = count
      at++
    }
  }
  if (gapAt < 0) return count
  if (count >= 8) return -1
  const behind = count - gapAt
  for (let i = 1; i <= behind; i++) groups[8 - i] = groups[count - i] as number
  for (let i = gapAt; i < 8 - behind; i++) groups[i] = 0
  return 8
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= 0x39) return code - ZERO
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function longestGap(parts: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && parts[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
