import { describe, expect, test } from 'vitest'
import { metricsTable, replaceBetween, settingsTable } from './docs_tables.ts'

describe('settingsTable', () => {
  test('shows nested settings, bounds, choices and defaults', () => {
    const table = settingsTable({
      type: 'object',
      additionalProperties: false,
      required: ['endpoint'],
      properties: {
        endpoint: { type: 'string', format: 'endpoint', description: 'Where | what, <x> or `<y>`.' },
        token: { type: 'string', secret: true, description: 'Token.' },
        threads: {
          oneOf: [
            { type: 'string', enum: ['auto'] },
            { type: 'integer', minimum: 0 },
          ],
          default: 'auto',
          description: 'Threads.',
        },
        tls: { type: 'object', additionalProperties: false, properties: { on: { type: 'boolean', default: true, description: 'On.' } }, description: 'TLS.' },
        rules: {
          type: 'array',
          items: { type: 'object', additionalProperties: false, properties: { name: { type: 'string' } } },
          default: [],
          description: 'Rules.',
        },
        labels: { type: 'object', additionalProperties: { type: 'string' }, default: {}, description: 'Labels.' },
      },
    })
    expect(table.split('\n').slice(2)).toEqual([
      '| `endpoint` | `host:port` | required | Where \\| what, &lt;x> or `<y>`. |',
      '| `token` | text (secret) |  | Token. |',
      '| `threads` | `auto` or integer ≥ 0 | `auto` | Threads. |',
      '| `tls` | section |  | TLS. |',
      '| `tls.on` | `true` or `false` | `true` | On. |',
      '| `rules` | list of sections | empty | Rules. |',
      '| `rules[].name` | text |  |  |',
      '| `labels` | map of text | empty | Labels. |',
    ])
  })

  test('says so when there is nothing to set', () => {
    expect(settingsTable({ type: 'object', additionalProperties: false, properties: {} })).toBe('There are no settings.')
  })
})

test('metricsTable shows type, unit and labels', () => {
  const table = metricsTable([{ name: 'a_b', description: 'Counts.', unit: '{records}', type: 'counter', labels: { reason: 'why' } }])
  expect(table.split('\n')[2]).toBe('| `a_b` | counter, `{records}` | `reason`: why | Counts. |')
})

describe('replaceBetween', () => {
  test('keeps what is around the markers and is stable', () => {
    const once = replaceBetween('a\n<!-- x --><!-- /x -->\nb\n', 'x', 'new') ?? ''
    expect(once).toBe('a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n')
    expect(replaceBetween(once, 'x', 'new')).toBe(once)
  })

  test('is undefined without markers', () => {
    expect(replaceBetween('a', 'x', 'new')).toBeUndefined()
  })
})
