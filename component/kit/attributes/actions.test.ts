import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import type { Client } from '../../../model/client.ts'
import { type ActionConfig, actionProblems } from './action_schema.ts'
import { AttributeActions } from './actions.ts'

const GIVEN = { 'http.url': 'https://shop/cart?id=7', user: 'ann', count: 3n, ratio: 2.75, ok: true }

function after(actions: readonly ActionConfig[], given: Record<string, AttributeValue> = GIVEN, client?: Client): Record<string, unknown> {
  const { keys, values } = new AttributeActions(actions).apply(AttributeSet.of(given), client)
  return Object.fromEntries(keys.map((key, i) => [key, values[i]]))
}

describe('actions', () => {
  test.each([
    ['insert', 'user', undefined],
    ['insert', 'team', 'blue'],
    ['update', 'user', 'blue'],
    ['update', 'team', undefined],
    ['upsert', 'user', 'blue'],
    ['upsert', 'team', 'blue'],
  ] as const)('%s of %s sets %s', (action, key, expected) => {
    expect(after([{ action, key, value: 'blue' }])).toEqual(expected === undefined ? GIVEN : { ...GIVEN, [key]: expected })
  })

  test('values keep their type, and whole numbers are integers', () => {
    const set = (key: string, value: ActionConfig['value']): ActionConfig => ({ action: 'insert', key, ...(value === undefined ? {} : { value }) })
    expect(after([set('i', 5), set('d', 0.5), set('b', false), set('l', ['a', 1])], {})).toEqual({ i: 5n, d: 0.5, b: false, l: ['a', 1n] })
  })

  test('a value comes from another attribute, if it is there, with its type', () => {
    expect(after([{ action: 'insert', key: 'copy', from_attribute: 'count' }]).copy).toBe(3n)
    expect(after([{ action: 'insert', key: 'copy', from_attribute: 'nothing' }])).toEqual(GIVEN)
  })

  test('a value comes from what is known of the sender', () => {
    const client: Client = { address: '10.0.0.1:4711', metadata: { 'x-tenant': ['a', 'b'] }, auth: { subject: 'eve' } }
    const actions = ['metadata.X-Tenant', 'auth.subject', 'client.address', 'metadata.none'].map(
      (context): ActionConfig => ({ action: 'insert', key: context, from_context: context }),
    )
    expect(after(actions, {}, client)).toEqual({ 'metadata.X-Tenant': 'a;b', 'auth.subject': 'eve', 'client.address': '10.0.0.1:4711' })
    expect(after(actions, {})).toEqual({})
    expect(new AttributeActions(actions).readsClient).toBe(true)
  })

  test('delete and hash act on a key and on keys that match', () => {
    expect(after([{ action: 'delete', key: 'user', pattern: '^(count|ratio)$' }])).toEqual({ 'http.url': GIVEN['http.url'], ok: true })
    const sha = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
    const hashed = after([{ action: 'hash', pattern: '^(user|ok|count)$' }])
    expect(hashed).toEqual({ ...GIVEN, user: sha('ann'), ok: sha(Uint8Array.of(1)), count: sha(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0)) })
  })

  test('extract sets an attribute for every named group, over those that are there', () => {
    const action: ActionConfig = { action: 'extract', key: 'http.url', pattern: '^(?P<scheme>\\w+)://(?P<user>[^/]+)(?P<path>/\\w+)' }
    expect(after([action])).toEqual({ ...GIVEN, scheme: 'https', user: 'shop', path: '/cart' })
    expect(after([{ ...action, pattern: '^(?P<a>ftp)' }])).toEqual(GIVEN)
  })

  test.each([
    ['12', 'int', 12n],
    ['-1.9', 'int', -1n],
    ['1.9', 'double', 1.9],
    ['twelve', 'int', 'twelve'],
    [2.75, 'int', 2n],
    [Number.NaN, 'int', Number.NaN],
    [3n, 'double', 3],
    [true, 'int', 1n],
    [3n, 'string', '3'],
    [2.5, 'string', '2.5'],
    [['a', 1n], 'string', '["a",1]'],
    [AttributeSet.of({ a: 1n }), 'string', '{"a":1}'],
    [Uint8Array.of(1, 2), 'string', 'AQI='],
  ] as const)('%s as %s is %s', (value, type, expected) => {
    expect(after([{ action: 'convert', key: 'v', converted_type: type }], { v: value as AttributeValue }).v).toEqual(expected)
  })

  test('each sees what those before it did', () => {
    const actions: readonly ActionConfig[] = [
      { action: 'insert', key: 'a', value: 'x' },
      { action: 'insert', key: 'b', from_attribute: 'a' },
      { action: 'delete', key: 'a' },
    ]
    expect(after(actions, {})).toEqual({ b: 'x' })
  })

  test('leave the same object when there is nothing to do', () => {
    const given = AttributeSet.of(GIVEN)
    expect(new AttributeActions([{ action: 'delete', key: 'none' }]).apply(given, undefined)).toBe(given)
  })
})

test.each([
  [{ action: 'insert', value: 1 }, 'no key'],
  [{ action: 'insert', key: 'a' }, 'no value'],
  [{ action: 'insert', key: 'a', value: 1, from_attribute: 'b' }, 'several values'],
  [{ action: 'insert', key: 'a', from_context: 'headers.x' }, 'not known'],
  [{ action: 'delete', key: 'a', value: 1 }, 'delete takes no value'],
  [{ action: 'delete' }, 'no key'],
  [{ action: 'extract', key: 'a' }, 'no pattern'],
  [{ action: 'extract', key: 'a', pattern: '(x)' }, 'no named group'],
  [{ action: 'update', key: 'a', value: 1, pattern: 'x' }, 'update takes no pattern'],
  [{ action: 'convert', key: 'a' }, 'converted_type and convert belong together'],
  [{ action: 'hash', pattern: '(' }, 'missing closing )'],
] as const)('%j: %s', (action, problem) => {
  const problems = actionProblems([{ action: 'delete', key: 'fine' }, action], ['actions'])
  expect(problems.map((found) => found.problem)).toEqual([problem])
  expect(problems[0]?.path.slice(0, 2)).toEqual(['actions', 1])
})
