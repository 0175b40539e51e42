import { type AttributeSet, type AttributeValue, valueKey } from '../../../model/attributes.ts'

/** Stands in hardly any text. */
const SEPARATOR = '\0'

/** One text per set of attributes, whatever their order; different sets have different texts. Cheap where keys are sorted and values text. */
export function attributesText({ keys, values }: AttributeSet): string {
  if (isPlain(keys, values)) return plainText(keys, values)
  const order = Array.from(keys, (_, i) => i).sort((a, b) => ((keys[a] as string) < (keys[b] as string) ? -1 : 1))
  const [sortedKeys, sortedValues] = [order.map((i) => keys[i] as string), order.map((i) => values[i] as AttributeValue)]
  if (isPlain(sortedKeys, sortedValues)) return plainText(sortedKeys, sortedValues)
  // Begins with none of the digits that the others begin with.
  return `x${sortedKeys.map((key, i) => pairText(key, sortedValues[i] as AttributeValue)).join('')}`
}

/** True for keys in order and values that are text, without separators in either. */
function isPlain(keys: readonly string[], values: readonly AttributeValue[]): values is readonly string[] {
  let before = ''
  for (let i = 0; i < keys.length; i++) {
    const [key, value] = [keys[i] as string, values[i]]
    if (typeof value !== 'string' || key < before || value.includes(SEPARATOR) || key.includes(SEPARATOR)) return false
    before = key
  }
  return true
}

function plainText(keys: readonly string[], values: readonly string[]): string {
  return `${keys.length}${SEPARATOR}${keys.join(SEPARATOR)}${SEPARATOR}${values.join(SEPARATOR)}`
}

function pairText(key: string, value: AttributeValue): string {
  const text = typeof value === 'string' ? value : valueKey(value)
  return `${key.length}:${key}${text.length}${typeof value === 'string' ? ':' : '#'}${text}`
}
