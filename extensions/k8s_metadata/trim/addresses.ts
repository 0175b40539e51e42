import { normalizeIp } from '../../../model/identity/ip.ts'
import { fieldsOf, itemsOf, textOf } from './fields.ts'
import type { Refuse } from './refusals.ts'

/** The distinct addresses of the list, normalised; `field` is the field of an item that holds one. Others are refused. */
export function addressesOf(list: unknown, field: string, refuse: Refuse): string[] {
  return distinctAddresses(
    itemsOf(list).map((item) => fieldsOf(item)[field]),
    refuse,
  )
}

/** The distinct addresses of a list of texts, normalised. An empty text is no address and no fault; others are refused. */
export function distinctAddresses(texts: readonly unknown[], refuse: Refuse): string[] {
  const addresses: string[] = []
  for (const value of texts) {
    const text = textOf(value)
    if (text === '' && (value === undefined || value === null || value === '')) continue
    const ip = normalizeIp(text)
    if (ip === undefined) refuse('bad_address')
    else if (!addresses.includes(ip)) addresses.push(ip)
  }
  return addresses
}

/** An address or CIDR, normalised (a CIDR of one address is that address); undefined when the text is neither. */
export function addressOrCidr(text: string): string | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return normalizeIp(text)
  const ip = normalizeIp(text.slice(0, slash))
  const bits = /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : Number.NaN
  if (ip === undefined || !(bits >= 0 && bits <= (ip.includes(':') ? 128 : 32))) return undefined
  return bits === (ip.includes(':') ? 128 : 32) ? ip : `${ip}/${bits}`
}
