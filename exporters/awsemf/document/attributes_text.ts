import { type AttributeSet, type AttributeValue, valueKey } from '../../../model/attributes.ts'

/** Stands in hardly any text. */
const SEPARATOR = '\0'

/** One text per set of attributes, whatever their order; different sets have different texts. Cheap where keys are sorted and values text. */
export function attributesText({ keys, values }: AttributeSet): string {
  return isPlain(keys, values) ? `${keys.length}${SEPARATOR}${keys.join(SEPARATOR)}${SEPARATOR}${values.join(SEPARATOR)}` : sortedText(keys, values)
}

/** True for keys in order and values that are text, without separators in either. */
function isPlain(keys: readonly string[], values: readonly AttributeValue[]): boolean {
  let before = ''
  for (let i = 0; i < keys.length; i++) {
    const [key, value] = [keys[i] as string, values[i]]
    if (typeof value !== 'string' || key < before || value.includes(SEPARATOR) || key.includes(SEPARATOR)) return false
    before = key
  }
  return true
}

function sortedText(keys: readonly string[], values: readonly AttributeValue[]): string {
  const order = Array.from(keys, (_, i) => i).sort((a, b) => ((keys[a] as string) < (keys[b] as string) ? -1 : 1))
  if (
    isPlain(
      order.map((i) => keys[i] as string),
      order.map((i) => values[i] as AttributeValue),
    )
  )
    return `${keys.length}${SEPARATOR}${order.map((i) => keys[i]).join(SEPARATOR)}${SEPARATOR}${order.map((i) => values[i]).join(SEPARATOR)}`
  // Begins with none of the digits that the others begin with.
  return `x${order.map((i) => pairText(keys[i] as string, values[i] as AttributeValue)).join('')}`
}

function pairText(key: string, value: AttributeValue): string {
  const text = typeof value === 'string' ? value : valueKey(value)
  return `${key.length}:${key}${text.length}${typeof value === 'string' ? ':' : '#'}${text}`
}
