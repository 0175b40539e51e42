import { createHash } from 'node:crypto'
import { re2Pattern } from '../../../lib/re2.ts'
import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import type { Client } from '../../../model/client.ts'
import type { ActionConfig } from './action_schema.ts'

type Step = (attributes: AttributeSet, client: Client | undefined) => AttributeSet

/** The actions of a checked config, ready to be applied. Pure: the result depends on the attributes and the client only. */
export class AttributeActions {
  /** True when the result depends on the client. */
  readonly readsClient: boolean
  readonly #steps: readonly Step[]

  constructor(actions: readonly ActionConfig[]) {
    this.readsClient = actions.some(({ from_context: context }) => context !== undefined)
    this.#steps = actions.map(stepOf)
  }

  /** The attributes after all actions; the same object when nothing has changed. */
  apply(attributes: AttributeSet, client: Client | undefined): AttributeSet {
    let result = attributes
    for (const step of this.#steps) result = step(result, client)
    return result
  }
}

function stepOf(action: ActionConfig): Step {
  const key = action.key ?? ''
  switch (action.action) {
    case 'insert':
    case 'update':
    case 'upsert':
      return setter(key, action)
    case 'delete':
      return forKeys(action, (attributes, named) => attributes.without(named))
    case 'hash':
      return forKeys(action, (attributes, named) => attributes.with(named, hashOf(attributes.get(named) ?? null)))
    case 'extract':
      return extractor(key, action.pattern ?? '')
    case 'convert':
      return converter(key, action.converted_type ?? 'string')
    default:
      return action.action satisfies never
  }
}

function setter(key: string, { action, value, from_attribute: from, from_context: context }: ActionConfig): Step {
  const fixed = value === undefined ? undefined : valueOf(value)
  const source = (attributes: AttributeSet, client: Client | undefined): AttributeValue | undefined => {
    if (fixed !== undefined) return fixed
    return from === undefined ? contextValue(context ?? '', client) : attributes.get(from)
  }
  return (attributes, client) => {
    if (action !== 'upsert' && (attributes.get(key) === undefined) !== (action === 'insert')) return attributes
    const found = source(attributes, client)
    return found === undefined ? attributes : attributes.with(key, found)
  }
}

/** A value of YAML: JSON's numbers do not say whether they are integers, so whole ones are. */
function valueOf(value: NonNullable<ActionConfig['value']>): AttributeValue {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  return typeof value === 'object' ? value.map((item) => valueOf(item)) : value
}

function contextValue(context: string, client: Client | undefined): AttributeValue | undefined {
  if (context === 'client.address') return client?.address === '' ? undefined : client?.address
  const dot = context.indexOf('.')
  const name = context.slice(dot + 1)
  if (context.startsWith('auth.')) return client?.auth?.[name]
  return client?.metadata?.[name.toLowerCase()]?.join(';')
}

/** Applies a change to `key`, if it is there, and to all keys that `pattern` matches. */
function forKeys({ key, pattern }: ActionConfig, change: (attributes: AttributeSet, key: string) => AttributeSet): Step {
  const expression = pattern === undefined ? undefined : re2Pattern(pattern)
  return (attributes) => {
    const keys = expression === undefined ? [] : attributes.keys.filter((candidate) => candidate !== key && expression.test(candidate))
    let result = key !== undefined && attributes.get(key) !== undefined ? change(attributes, key) : attributes
    for (const matching of keys) result = change(result, matching)
    return result
  }
}

function extractor(key: string, pattern: string): Step {
  const expression = re2Pattern(pattern)
  return (attributes) => {
    const value = attributes.get(key)
    const groups = typeof value === 'string' ? expression.exec(value)?.groups : undefined
    let result = attributes
    for (const [name, text] of Object.entries(groups ?? {})) result = result.with(name, text ?? '')
    return result
  }
}

function converter(key: string, type: 'int' | 'double' | 'string'): Step {
  return (attributes) => {
    const value = attributes.get(key)
    const converted = value === undefined ? undefined : convert(value, type)
    return converted === undefined || Object.is(converted, value) ? attributes : attributes.with(key, converted)
  }
}

/** The value as another type; undefined when it has none there. */
function convert(value: AttributeValue, type: 'int' | 'double' | 'string'): AttributeValue | undefined {
  if (type === 'string') return textOf(value)
  if (typeof value === 'boolean') return type === 'int' ? BigInt(value) : Number(value)
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  if (!isNumber && !(typeof value === 'string' && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value))) return undefined
  if (type === 'double') return Number(value)
  if (typeof value === 'bigint') return value
  if (typeof value === 'string' && /^[+-]?\d+$/.test(value)) return BigInt(value.replace('+', ''))
  const whole = Math.trunc(Number(value))
  return Number.isFinite(whole) ? BigInt(whole) : undefined
}

/** A value as text: scalars as they are written, lists and maps as JSON, bytes in base64. */
export function textOf(value: AttributeValue): string {
  if (typeof value === 'string') return value
  if (value === null) return ''
  if (typeof value !== 'object') return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')
  return JSON.stringify(plainOf(value))
}

function plainOf(value: AttributeValue): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) return textOf(value)
  if (value instanceof AttributeSet) return Object.fromEntries(value.keys.map((key, i) => [key, plainOf(value.values[i] as AttributeValue)]))
  return value !== null && typeof value === 'object' ? value.map(plainOf) : value
}

/** SHA-256 in hexadecimal digits, of texts as UTF-8, of integers and doubles as eight bytes, of truth values as one, as the Collector does. */
function hashOf(value: AttributeValue): string {
  return createHash('sha256').update(bytesOf(value)).digest('hex')
}

function bytesOf(value: AttributeValue): Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0)
  if (typeof value === 'number' || typeof value === 'bigint') {
    const bytes = Buffer.alloc(8)
    if (typeof value === 'bigint') bytes.writeBigInt64LE(BigInt.asIntN(64, value))
    else bytes.writeDoubleLE(value)
    return bytes
  }
  return Buffer.from(textOf(value))
}
