import { type AttributeSet, type AttributeValue, valueKey } from '../../../model/attributes.ts'

/** One text per set of attributes, whatever their order; different sets have different texts. Cheap where keys are sorted. */
export function attributesText({ keys, values }: AttributeSet): string {
  let isSorted = true
  for (let i = 1; i < keys.length && isSorted; i++) isSorted = (keys[i - 1] as string) <= (keys[i] as string)
  let text = ''
  if (isSorted) {
    for (let i = 0; i < keys.length; i++) text += pairText(keys[i] as string, values[i] as AttributeValue)
    return text
  }
  const order = Array.from(keys, (_, i) => i).sort((a, b) => ((keys[a] as string) < (keys[b] as string) ? -1 : 1))
  for (const i of order) text += pairText(keys[i] as string, values[i] as AttributeValue)
  return text
}

function pairText(key: string, value: AttributeValue): string {
  const text = typeof value === 'string' ? value : valueKey(value)
  return `${key.length}:${key}${text.length}${typeof value === 'string' ? ':' : '#'}${text}`
}
