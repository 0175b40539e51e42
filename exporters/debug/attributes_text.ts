import { AttributeSet, type AttributeValue } from '../../model/attributes.ts'
import { quoted } from './printable.ts'

/** `{key="value", …}`, or nothing when there are none. */
export function attributesText(attributes: AttributeSet): string {
  return attributes.size === 0 ? '' : mapText(attributes)
}

/** A value as a person would read it: texts in quotes, lists in brackets, maps in braces, bytes as hexadecimal digits. */
export function valueText(value: AttributeValue): string {
  if (typeof value === 'string') return quoted(value)
  if (value === null || typeof value !== 'object') return String(value)
  if (value instanceof Uint8Array) return `0x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
  return value instanceof AttributeSet ? mapText(value) : `[${value.map(valueText).join(', ')}]`
}

function mapText({ keys, values }: AttributeSet): string {
  return `{${keys.map((key, i) => `${quoted(key)}=${valueText(values[i] as AttributeValue)}`).join(', ')}}`
}
