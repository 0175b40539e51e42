const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const INFINITY = /^([+-]?)inf(?:inity)?$/i
const NOT_A_NUMBER = /^[+-]?nan$/i

/** A value as both text formats write it (Go's `ParseFloat` without hexadecimal digits); undefined when it is none. */
export function numberOf(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text)
  const infinity = INFINITY.exec(text)
  if (infinity !== null) return infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return NOT_A_NUMBER.test(text) ? Number.NaN : undefined
}
