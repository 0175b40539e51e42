import { expect, test } from 'vitest'
import type { Schema } from '../component/config_schema.ts'
import { redact } from './redact.ts'

const secret: Schema = { type: 'string', secret: true }
const text: Schema = { type: 'string' }

test.for([
  { name: 'a secret text', schema: secret, value: 'x', expected: '[REDACTED]' },
  { name: 'no empty secret', schema: secret, value: '', expected: '' },
  { name: 'no other text', schema: text, value: 'x', expected: 'x' },
  {
    name: 'the values of a secret map, not its keys',
    schema: { type: 'object', additionalProperties: secret },
    value: { a: 'x' },
    expected: { a: '[REDACTED]' },
  },
  { name: 'secrets in lists', schema: { type: 'array', items: secret }, value: ['x', 'y'], expected: ['[REDACTED]', '[REDACTED]'] },
  {
    name: 'secrets deep in objects',
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: { a: { type: 'object', additionalProperties: false, properties: { b: secret, c: text } } },
    },
    value: { a: { b: 'x', c: 'y' } },
    expected: { a: { b: '[REDACTED]', c: 'y' } },
  },
  { name: 'a secret that might also be something else', schema: { oneOf: [text, secret] }, value: 'x', expected: '[REDACTED]' },
] as const satisfies readonly { readonly name: string; readonly schema: Schema; readonly value: unknown; readonly expected: unknown }[])(
  'hides $name',
  ({ schema, value, expected }) => {
    expect(redact(schema, value)).toEqual(expected)
  },
)
