import type { AttributeSet } from '../../model/attributes.ts'
import { comparableLabels } from './labels.ts'
import type { Source } from './source.ts'

/** Hash of labels → the first series that has them. */
export type Claims = Map<number, { readonly source: Source; readonly index: number }>

/** Notes that a series has its labels; false when another series has the same. */
export function claim(claims: Claims, source: Source, index: number): boolean {
  const text = labelsOf(source, index)
  const key = hash53(text)
  const holder = claims.get(key)
  if (holder === undefined) {
    claims.set(key, { source, index })
    return true
  }
  return labelsOf(holder.source, holder.index) !== text
}

function labelsOf(source: Source, index: number): string {
  const attributes = source.points.series[index] as AttributeSet
  return comparableLabels(source.labels.plan(attributes), attributes, source.base)
}

function hash53(text: string): number {
  let high = 0x9e3779b1 | 0
  let low = 0x85ebca6b | 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    high = Math.imul(high ^ code, 0x85ebca6b)
    low = Math.imul(low ^ code, 0xc2b2ae35)
    high ^= high >>> 13
    low ^= low >>> 15
  }
  return (high >>> 0) * 0x20_0000 + ((low >>> 0) & 0x1f_ffff)
}
