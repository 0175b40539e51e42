import { createHash } from 'node:crypto'
import { EvaluationError } from '../errors.ts'
import { expectList, expectText } from '../expect.ts'
import { sliceBytes, utf8Length } from '../utf8.ts'
import { compareValues, isList, textOf, typeName } from '../values.ts'
import type { Arguments } from './arguments.ts'
import { type Converter, converter, type Evaluate } from './function.ts'

/** A converter from text to text. */
function textConverter(name: string, convert: (text: string) => string | bigint): Converter {
  return converter(name, ['target'], (args) => {
    const text = args.text('target')
    return (item) => convert(text(item))
  })
}

/** A converter of a text and a part of it. */
function partConverter(name: string, part: string, convert: (text: string, part: string) => string | readonly string[]): Converter {
  return converter(name, ['target', part], (args) => {
    const [text, other] = [args.text('target'), args.text(part)]
    return (item) => convert(text(item), other(item))
  })
}

function hasher(name: string, algorithm: string): Converter {
  return textConverter(name, (text) => createHash(algorithm).update(text).digest('hex'))
}

/** FNV-1a of 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/), as a signed number. */
function fnv(text: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return BigInt.asIntN(64, hash)
}

function createConcat(args: Arguments): Evaluate {
  const list = args.value('vals')
  const delimiter = args.text('delimiter')
  return (item) => {
    const values = list(item)
    if (values === null) return ''
    if (!isList(values)) throw new EvaluationError(`expected list, found ${typeName(values)}`)
    return values.map((value) => textOf(value) ?? '<nil>').join(delimiter(item))
  }
}

function createSubstring(args: Arguments): Evaluate {
  const text = args.text('target')
  const start = args.int('start')
  const length = args.int('length')
  args.literalBool('utf8_safe', false)
  return (item) => {
    const whole = text(item)
    const [from, bytes, total] = [Number(start(item)), Number(length(item)), utf8Length(whole)]
    if (from < 0 || bytes <= 0 || from + bytes > total) throw new EvaluationError(`${bytes} bytes from ${from} are not in a text of ${total} bytes`)
    return sliceBytes(whole, from, from + bytes)
  }
}

/** Like Go, character by character: ß stays ß. */
function upper(text: string): string {
  // oxlint-disable-next-line no-control-regex -- ASCII is what is looked for
  return /^[\0-\x7f]*$/.test(text) ? text.toUpperCase() : Array.from(text, (char) => sameLength(char.toUpperCase(), char)).join('')
}

function lower(text: string): string {
  // oxlint-disable-next-line no-control-regex -- ASCII is what is looked for
  return /^[\0-\x7f]*$/.test(text) ? text.toLowerCase() : Array.from(text, (char) => sameLength(char.toLowerCase(), char)).join('')
}

function sameLength(changed: string, char: string): string {
  return changed.length === char.length ? changed : char
}

function createConvertCase(args: Arguments): Evaluate {
  const text = args.text('target')
  const wanted = args.literal('to_case', expectText)
  if (wanted !== 'lower' && wanted !== 'upper') throw args.fault('to_case', `"${wanted}"`, 'lower or upper')
  return (item) => (wanted === 'lower' ? lower(text(item)) : upper(text(item)))
}

/** Takes characters of `set` off both ends. */
function trim(text: string, set: string): string {
  const characters = Array.from(text)
  let start = 0
  let end = characters.length
  while (start < end && set.includes(characters[start] ?? '')) start++
  while (end > start && set.includes(characters[end - 1] ?? '')) end--
  return characters.slice(start, end).join('')
}

/** Where a part of a text begins, in bytes, or which item of a list equals a value; -1 for none. */
function createIndex(args: Arguments): Evaluate {
  const target = args.value('target')
  const value = args.value('value')
  return (item) => {
    const whole = target(item)
    const wanted = value(item)
    if (typeof whole === 'string') {
      const at = whole.indexOf(expectText(wanted))
      return BigInt(at < 0 ? -1 : utf8Length(whole.slice(0, at)))
    }
    return BigInt(expectList(whole).findIndex((member) => compareValues(member, wanted, '==')))
  }
}

/** Converters of text. */
export const TEXTS: readonly Converter[] = [
  converter('Concat', ['vals', 'delimiter'], createConcat),
  partConverter('Split', 'delimiter', (text, delimiter) => (delimiter === '' ? Array.from(text) : text.split(delimiter))),
  converter('Substring', ['target', 'start', 'length', 'utf8_safe?'], createSubstring),
  textConverter('ToLowerCase', lower),
  textConverter('ToUpperCase', upper),
  converter('ConvertCase', ['target', 'to_case'], createConvertCase),
  converter('Trim', ['target', 'replacement?'], (args) => {
    const text = args.text('target')
    const set = args.literalText('replacement', ' ')
    return (item) => trim(text(item), set)
  }),
  partConverter('TrimPrefix', 'prefix', (text, prefix) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  partConverter('TrimSuffix', 'suffix', (text, suffix) => (text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text)),
  converter('Index', ['target', 'value'], createIndex),
  hasher('MD5', 'md5'),
  hasher('SHA1', 'sha1'),
  hasher('SHA256', 'sha256'),
  hasher('SHA512', 'sha512'),
  textConverter('FNV', fnv),
  textConverter('Base64Encode', (text) => Buffer.from(text).toString('base64')),
]
