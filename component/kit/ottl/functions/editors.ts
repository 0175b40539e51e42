import { AttributeSet, type AttributeValue } from '../../../../model/attributes.ts'
import { EvaluationError } from '../errors.ts'
import { expectInt, expectText, withAttribute } from '../expect.ts'
import { cutBytes, utf8Length } from '../utf8.ts'
import { attributeValue, isList, type OttlValue, textOf, typeName } from '../values.ts'
import type { Arguments } from './arguments.ts'
import { type Edit, type Editor, editor } from './function.ts'

/** An editor that keeps some entries of a map. */
function keeping(args: Arguments, keeper: (item: Parameters<Edit>[0]) => (key: string) => boolean): Edit {
  const target = args.mapTarget('target')
  return (item) => {
    const map = target.get(item)
    const keeps = keeper(item)
    target.set(item, filtered(map, keeps))
  }
}

/** The set with the keys that `keeps` says; the same one when these are all. */
function filtered(map: AttributeSet, keeps: (key: string) => boolean): AttributeSet {
  if (map.keys.every(keeps)) return map
  const kept = map.keys.map(keeps)
  return new AttributeSet(
    map.keys.filter((_, i) => kept[i]),
    map.values.filter((_, i) => kept[i]),
  )
}

function createSet(args: Arguments): Edit {
  const target = args.target('target', false)
  const value = args.value('value')
  return (item) => target.set(item, value(item))
}

function createDeleteKey(args: Arguments): Edit {
  const target = args.mapTarget('target')
  const key = args.text('key')
  return (item) => target.set(item, target.get(item).without(key(item)))
}

function createMergeMaps(args: Arguments): Edit {
  const target = args.mapTarget('target')
  const source = args.map('source')
  const strategy = args.literal('strategy', expectText)
  if (strategy !== 'insert' && strategy !== 'update' && strategy !== 'upsert') throw args.fault('strategy', `"${strategy}"`, 'insert, update or upsert')
  return (item) => {
    let map = target.get(item)
    const added = source(item)
    for (const [i, key] of added.keys.entries()) {
      const isThere = strategy !== 'upsert' && map.get(key) !== undefined
      if (strategy === 'upsert' || isThere === (strategy === 'update')) map = withAttribute(map, key, added.values[i] ?? null)
    }
    target.set(item, map)
  }
}

function createLimit(args: Arguments): Edit {
  const target = args.mapTarget('target')
  const limit = count(args, 'limit')
  const priority = args.textSet('priority_keys')
  const listed = args.list('priority_keys').length
  if (limit < listed) throw args.fault('limit', `${limit}, less than the ${listed} priority keys`, `at least ${listed}`)
  return (item) => {
    const map = target.get(item)
    if (map.size <= limit) return
    const first = priority(item)
    let kept = 0
    for (const key of first) if (map.get(key) !== undefined) kept++
    const keeps = map.keys.map((key) => first.has(key) || kept++ < limit)
    target.set(
      item,
      new AttributeSet(
        map.keys.filter((_, i) => keeps[i]),
        map.values.filter((_, i) => keeps[i]),
      ),
    )
  }
}

function createTruncateAll(args: Arguments): Edit {
  const target = args.mapTarget('target')
  const limit = count(args, 'limit')
  args.literalBool('utf8_safe', true)
  const marker = args.literalText('truncation_marker', '')
  if (utf8Length(marker) > limit) throw args.fault('truncation_marker', 'longer than the limit', `at most ${limit} bytes`)
  return (item) => {
    const map = target.get(item)
    target.set(
      item,
      withValues(map, (value) => (typeof value === 'string' && utf8Length(value) > limit ? cutBytes(value, limit - utf8Length(marker)) + marker : value)),
    )
  }
}

/** The set with each value replaced by what `change` makes of it; the same one when nothing changes. */
export function withValues(map: AttributeSet, change: (value: AttributeValue) => AttributeValue): AttributeSet {
  const values = map.values.map(change)
  return values.every((value, i) => value === map.values[i]) ? map : new AttributeSet(map.keys, values)
}

/** A whole number from 0 that is written into the statement. */
function count(args: Arguments, name: string): number {
  const value = Number(args.literal(name, expectInt))
  if (value < 0) throw args.fault(name, `${value}`, 'a number from 0')
  return value
}

function createFlatten(args: Arguments): Edit {
  const target = args.mapTarget('target')
  const prefix = args.literalText('prefix', '')
  const depth = args.has('depth') ? count(args, 'depth') : Number.POSITIVE_INFINITY
  if (depth < 1) throw args.fault('depth', `${depth}`, 'a number from 1')
  const isResolving = args.literalBool('resolve_conflicts', false)
  return (item) => {
    const result = new Map<string, AttributeValue>()
    const repeated = new Map<string, number>()
    const put = (name: string, value: AttributeValue, index?: number): void => {
      if (!isResolving) return void result.set(index === undefined ? name : `${name}.${index}`, value)
      const times = repeated.get(name)
      repeated.set(name, (times ?? -1) + 1)
      result.set(times === undefined ? name : `${name}.${times}`, value)
    }
    flattenInto(put, target.get(item), { prefix: prefix === '' ? '' : `${prefix}.`, depth })
    target.set(item, new AttributeSet([...result.keys()], [...result.values()]))
  }
}

type Put = (name: string, value: AttributeValue, index?: number) => void

function flattenInto(put: Put, map: AttributeSet, { prefix, depth }: { readonly prefix: string; readonly depth: number }): void {
  for (const [i, key] of map.keys.entries()) flattenValue(put, prefix + key, { value: map.values[i] ?? null, depth })
}

function flattenValue(put: Put, name: string, { value, depth }: { readonly value: AttributeValue; readonly depth: number }): void {
  if (value instanceof AttributeSet && depth > 0) return flattenInto(put, value, { prefix: `${name}.`, depth: depth - 1 })
  if (!isList(value) || depth <= 0) return put(name, value)
  for (const [i, member] of value.entries()) {
    if ((member instanceof AttributeSet || isList(member)) && depth > 1) flattenValue(put, `${name}.${i}`, { value: member, depth: depth - 1 })
    else put(name, member, i)
  }
}

function createAppend(args: Arguments): Edit {
  const target = args.target('target')
  const values = [...(args.has('value') ? [args.value('value')] : []), ...(args.has('values') ? args.values('values') : [])]
  if (values.length === 0) throw args.fault('target', 'all that is given', 'value or values beside it')
  return (item) => {
    const old = target.get(item)
    if (old instanceof AttributeSet) throw new EvaluationError('a map cannot be appended to')
    const start: readonly OttlValue[] = old === null ? [] : isList(old) ? old : [old]
    target.set(item, [...start, ...values.map((value) => value(item))])
  }
}

function createDeleteIndex(args: Arguments): Edit {
  const target = args.target('target')
  const start = args.int('start_index')
  const end = args.has('end_index') ? args.int('end_index') : undefined
  return (item) => {
    const list = target.get(item)
    if (!isList(list)) throw new EvaluationError(`expected list, found ${typeName(list)}`)
    const from = Number(start(item))
    const to = end === undefined ? from + 1 : Number(end(item))
    const isWhole = from === 0 && to === list.length
    if (!isWhole && (from < 0 || from >= list.length || to < from || to > list.length)) {
      throw new EvaluationError(`items ${from} to ${to} are out of the bounds of ${list.length} items`)
    }
    target.set(item, list.toSpliced(from, to - from))
  }
}

function createStringifyAll(args: Arguments): Edit {
  const target = args.mapTarget('target')
  return (item) => target.set(item, withValues(target.get(item), plainText))
}

/** As OpenTelemetry writes values that are no text: bytes as base64, nothing for none. */
function plainText(value: AttributeValue): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : (textOf(attributeValue(value)) ?? '')
}

/** Editors, without those that replace text. */
export const EDITORS: readonly Editor[] = [
  editor('set', ['target', 'value'], createSet, { isIdempotent: true }),
  editor('delete_key', ['target', 'key'], createDeleteKey, { isIdempotent: true }),
  editor(
    'delete_matching_keys',
    ['target', 'pattern'],
    (args) => {
      const pattern = args.pattern('pattern')
      return keeping(args, (item) => {
        const deleted = pattern(item)
        return (key) => !deleted.test(key)
      })
    },
    { isIdempotent: true },
  ),
  editor(
    'keep_keys',
    ['target', 'keys'],
    (args) => {
      const keys = args.textSet('keys')
      return keeping(args, (item) => {
        const kept = keys(item)
        return (key) => kept.has(key)
      })
    },
    { isIdempotent: true },
  ),
  editor(
    'keep_matching_keys',
    ['target', 'pattern'],
    (args) => {
      const pattern = args.pattern('pattern')
      return keeping(args, (item) => {
        const kept = pattern(item)
        return (key) => kept.test(key)
      })
    },
    { isIdempotent: true },
  ),
  editor('merge_maps', ['target', 'source', 'strategy'], createMergeMaps, { isIdempotent: true }),
  editor('limit', ['target', 'limit', 'priority_keys'], createLimit, { isIdempotent: true }),
  editor('truncate_all', ['target', 'limit', 'utf8_safe?', 'truncation_marker?'], createTruncateAll, { isIdempotent: true }),
  editor('flatten', ['target', 'prefix?', 'depth?', 'resolve_conflicts?'], createFlatten),
  editor('append', ['target', 'value?', 'values?'], createAppend),
  editor('delete_index', ['target', 'start_index', 'end_index?'], createDeleteIndex),
  editor('stringify_all', ['target'], createStringifyAll, { isIdempotent: true }),
]
