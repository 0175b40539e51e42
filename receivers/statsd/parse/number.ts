import { DOT, MINUS, PLUS, ZERO } from './bytes.ts'

/** Powers of ten that a double holds exactly. */
export const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))
/** A whole number of so many digits is exact in a double; so many digits, and so many places behind the point, one division reads exactly. */
export const EXACT_DIGITS = 15

/**
 * The number `bytes[start, end)` writes: an optional sign, decimal digits with an optional point among, before or after them,
 * an optional exponent. NaN for anything else, also for hexadecimal, underscores, blanks, words, and what a double cannot
 * hold. Correctly rounded: up to 15 digits by one exact division or multiplication, longer ones as JavaScript reads them.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  const sign = at < end ? (bytes[at] as number) : 0
  if (sign === MINUS || sign === PLUS) at++
  let digits = 0
  let significant = 0
  let mantissa = 0
  let scale = 0
  let isFraction = false
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit >= 0 && digit <= 9) {
      digits++
      mantissa = mantissa * 10 + digit
      if (mantissa !== 0) significant++
      if (isFraction) scale++
    } else if (digit === DOT - ZERO && !isFraction) {
      isFraction = true
    } else {
      break
    }
  }
  if (digits === 0) return Number.NaN
  let exponent = 0
  if (at < end) {
    exponent = parseExponent(bytes, at, end)
    if (Number.isNaN(exponent)) return Number.NaN
  }
  const power = exponent - scale
  if (significant > EXACT_DIGITS || power > 22 || power < -22) return exactly(bytes, start, end)
  const size = power < 0 ? mantissa / (POWERS_OF_TEN[-power] as number) : mantissa * (POWERS_OF_TEN[power] as number)
  return sign === MINUS ? -size : size
}

/** The exponent that `bytes[start, end)` holds with its `e`, or NaN. Beyond a million it stays there: the rest decides. */
function parseExponent(bytes: Uint8Array, start: number, end: number): number {
  if (((bytes[start] as number) | 0x20) !== 0x65) return Number.NaN
  let at = start + 1
  const sign = at < end ? (bytes[at] as number) : 0
  if (sign === MINUS || sign === PLUS) at++
  if (at === end) return Number.NaN
  let exponent = 0
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    if (exponent < 1e6) exponent = exponent * 10 + digit
  }
  return sign === MINUS ? -exponent : exponent
}

/** The rare path: the text is a well-formed decimal, JavaScript rounds it. */
function exactly(bytes: Uint8Array, start: number, end: number): number {
  const value = Number(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'))
  return Number.isFinite(value) ? value : Number.NaN
}

/** The whole number `bytes[start, end)` writes in digits alone, or -1; also when it is larger than 2^53 - 1. */
export function parseWhole(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
    if (value > Number.MAX_SAFE_INTEGER) return -1
  }
  return value
}
