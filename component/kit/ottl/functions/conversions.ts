import { AttributeSet, type AttributeValue } from '../../../../model/attributes.ts'
import { EvaluationError } from '../errors.ts'
import { expectMap } from '../expect.ts'
import { utf8Length } from '../utf8.ts'
import { isList, type OttlValue, TelemetryId, textOf, typeName } from '../values.ts'
import type { Arguments } from './arguments.ts'
import { type Converter, converter, type Evaluate } from './function.ts'

/** A converter of one value; nil stays nil. */
function valueConverter(name: string, convert: (value: Exclude<OttlValue, null>) => OttlValue): Converter {
  return converter(name, ['target'], (args) => {
    const value = args.typed<OttlValue>('target', (given) => (given === null ? null : convert(given)))
    return value
  })
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

function toInt(value: Exclude<OttlValue, null>): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'number') {
    const whole = Math.trunc(value)
    // What Go does outside of int64 is up to the processor; amd64 gives the lowest number.
    return Number.isFinite(whole) && whole >= -(2 ** 63) && whole < 2 ** 63 ? BigInt(whole) : INT64_MIN
  }
  if (typeof value === 'string' && /^[-+]?\d+$/.test(value)) {
    const parsed = BigInt(value.replace(/^\+/, ''))
    if (parsed >= INT64_MIN && parsed <= INT64_MAX) return parsed
    throw new EvaluationError(`${value} is out of range`)
  }
  throw new EvaluationError(`a ${typeName(value)} is not an integer`)
}

function toDouble(value: Exclude<OttlValue, null>): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'string') {
    if (/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(value)) {
      const parsed = Number(value)
      if (Number.isFinite(parsed)) return parsed
    }
    const special = /^([-+]?)(?:inf|infinity)$/i.exec(value)
    if (special !== null) return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    if (/^nan$/i.test(value)) return Number.NaN
  }
  throw new EvaluationError(`a ${typeName(value)} is not a number`)
}

function toBool(value: Exclude<OttlValue, null>): boolean {
  if (typeof value === 'boolean') return value
  if (typeof value === 'bigint') return value !== 0n
  if (typeof value === 'number') return value !== 0
  if (typeof value === 'string' && /^(?:1|t|T|true|TRUE|True)$/.test(value)) return true
  if (typeof value === 'string' && /^(?:0|f|F|false|FALSE|False)$/.test(value)) return false
  throw new EvaluationError(`a ${typeName(value)} is neither true nor false`)
}

function lengthOf(value: OttlValue): bigint {
  if (typeof value === 'string') return BigInt(utf8Length(value))
  if (value instanceof AttributeSet) return BigInt(value.size)
  if (value instanceof Uint8Array || isList(value)) return BigInt(value.length)
  throw new EvaluationError(`a ${typeName(value)} has no length`)
}

/** Deepest nesting of JSON that is taken. */
const JSON_DEPTH_MAX = 128

function parseJson(text: string): OttlValue {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new EvaluationError(`not JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof parsed !== 'object' || parsed === null) throw new EvaluationError('JSON that is neither an object nor a list')
  return jsonValue(parsed, 0)
}

function jsonValue(value: unknown, depth: number): AttributeValue {
  if (depth > JSON_DEPTH_MAX) throw new EvaluationError('JSON is nested too deeply')
  if (Array.isArray(value)) return value.map((item) => jsonValue(item, depth + 1))
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    return new AttributeSet(
      entries.map(([key]) => key),
      entries.map(([, item]) => jsonValue(item, depth + 1)),
    )
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
}

function createExtractPatterns(args: Arguments): Evaluate {
  const text = args.text('target')
  const pattern = args.pattern('pattern')
  return (item) => {
    const compiled = pattern(item)
    if (!compiled.source.includes('(?<')) throw new EvaluationError('the pattern has no named group')
    const groups = Object.entries(compiled.exec(text(item))?.groups ?? {})
    return new AttributeSet(
      groups.map(([name]) => name),
      groups.map(([, value]: readonly [string, string | undefined]) => value ?? ''),
    )
  }
}

function createParseKeyValue(args: Arguments): Evaluate {
  const text = args.text('target')
  const delimiter = args.literalText('delimiter', '=')
  const pairDelimiter = args.literalText('pair_delimiter', ' ')
  if (delimiter === '' || pairDelimiter === '' || delimiter === pairDelimiter)
    throw args.fault('target', 'split by delimiters that are empty or the same', 'two delimiters')
  return (item) => {
    const source = text(item)
    if (source === '') throw new EvaluationError('no pairs in an empty text')
    const pairs = unquotedParts(source, pairDelimiter).map((pair) => {
      const at = pair.indexOf(delimiter)
      if (at < 0) throw new EvaluationError(`${pair} is no pair`)
      return [pair.slice(0, at).trim(), pair.slice(at + delimiter.length).trim()] as const
    })
    return AttributeSet.of(Object.fromEntries(pairs))
  }
}

/** The parts of a text between delimiters that stand outside of quotes; quotes are taken off, and empty parts left out. */
function unquotedParts(text: string, delimiter: string): string[] {
  const parts: string[] = []
  let part = ''
  let quote = ''
  let isEscaped = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (quote === '' && text.startsWith(delimiter, i)) {
      if (part !== '') parts.push(part)
      part = ''
      i += delimiter.length - 1
      continue
    }
    if (!isEscaped && quote === '' && (char === '"' || char === "'")) {
      quote = char
      continue
    }
    if (!isEscaped && char === quote) {
      quote = ''
      continue
    }
    isEscaped = !isEscaped && char === '\\'
    part += char
  }
  if (quote !== '') throw new EvaluationError('a quote without an end')
  return part === '' ? parts : [...parts, part]
}

function idConverter(name: string, digits: 16 | 32): Converter {
  return converter(name, ['target'], (args) =>
    args.typed('target', (value) => {
      if (value instanceof Uint8Array && value.length * 2 === digits) return new TelemetryId(Buffer.from(value).toString('hex'))
      if (typeof value === 'string' && value.length === digits && /^[0-9a-fA-F]+$/.test(value)) return new TelemetryId(value.toLowerCase())
      throw new EvaluationError(`expected ${digits / 2} bytes or ${digits} hex digits, found ${typeName(value)}`)
    }),
  )
}

function toHex(value: Exclude<OttlValue, null>): string {
  const buffer = Buffer.alloc(8)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'string') return Buffer.from(value).toString('hex')
  if (typeof value === 'boolean') return value ? '01' : '00'
  if (typeof value === 'bigint') buffer.writeBigInt64BE(value)
  else if (typeof value === 'number') buffer.writeDoubleBE(value)
  else throw new EvaluationError(`a ${typeName(value)} has no bytes`)
  return buffer.toString('hex')
}

/** Converters between types. */
export const CONVERSIONS: readonly Converter[] = [
  valueConverter('Int', toInt),
  valueConverter('Double', toDouble),
  valueConverter('Bool', toBool),
  valueConverter('String', (value) => textOf(value) ?? null),
  converter('Hex', ['target'], (args) => args.typed('target', (value) => (value === null ? '' : toHex(value)))),
  converter('Len', ['target'], (args) => {
    const value = args.value('target')
    return (item) => lengthOf(value(item))
  }),
  converter('ParseJSON', ['target'], (args) => {
    const text = args.text('target')
    return (item) => parseJson(text(item))
  }),
  converter('ParseKeyValue', ['target', 'delimiter?', 'pair_delimiter?'], createParseKeyValue),
  converter('ExtractPatterns', ['target', 'pattern'], createExtractPatterns),
  converter('Coalesce', ['values'], (args) => {
    const values = args.values('values')
    return (item) => {
      for (const value of values) {
        const given = value(item)
        if (given !== null) return given
      }
      return null
    }
  }),
  converter('Keys', ['target'], (args) => {
    const map = args.typed('target', expectMap)
    return (item) => map(item).keys
  }),
  converter('Values', ['target'], (args) => {
    const map = args.typed('target', expectMap)
    return (item) => map(item).values
  }),
  idConverter('TraceID', 32),
  idConverter('SpanID', 16),
]
