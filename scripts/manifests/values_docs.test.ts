import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CHART } from './chart.ts'
import { describeSchema, valueDocs, valuesTable } from './values_docs.ts'

const VALUES = `# The file.

# What it is: a | b.
mode: a
section:
  # Of the first key.
  first: 1
  second: []
# Of the section.
other:
  key: {}
`

const DOCS = [
  { path: ['mode'], defaultText: '"a"', description: 'What it is: a | b.' },
  { path: ['section', 'first'], defaultText: '1', description: 'Of the first key.' },
  { path: ['section', 'second'], defaultText: '[]', description: '' },
  { path: ['other'], defaultText: '', description: 'Of the section.' },
  { path: ['other', 'key'], defaultText: '{}', description: '' },
]

test('comments are the descriptions of the keys below them', () => {
  expect(valueDocs(VALUES)).toEqual(DOCS)
})

test('the table has a row for each value', () => {
  expect(valuesTable(DOCS).split('\n').slice(2, 4)).toEqual(['| `mode` | `"a"` | What it is: a \\| b. |', '| `section.first` | `1` | Of the first key. |'])
})

test('descriptions go into the schema, and values that it does not know are told', () => {
  const schema = { properties: { mode: {}, section: { properties: { first: {} } }, other: {} } }
  expect(describeSchema(schema, DOCS)).toEqual(['section.second'])
  expect(schema).toEqual({
    properties: {
      mode: { description: 'What it is: a | b.' },
      section: { properties: { first: { description: 'Of the first key.' } } },
      other: { description: 'Of the section.' },
    },
  })
})

test('the README and the schema of the chart say what values.yaml says', () => {
  const docs = valueDocs(readFileSync(join(CHART, 'values.yaml'), 'utf8'))
  expect(readFileSync(join(CHART, 'README.md'), 'utf8')).toContain(`\n${valuesTable(docs)}\n`)
  const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Parameters<typeof describeSchema>[0]
  const before = structuredClone(schema)
  expect(describeSchema(schema, docs)).toEqual([])
  expect(schema).toEqual(before)
})
