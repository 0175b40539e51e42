import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { HTTP_ENTRY, type MessageSpec, TCP_ENTRY } from '../../model/access_log_fields.ts'
import { HTTP_USE, type MessageUse, TCP_USE } from '../../model/access_log_otlp/fields.ts'
import { fieldTables } from './field_table.ts'

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')

test('the README says of every field of the log what becomes of it', () => {
  // After a change, put the text on the left between the markers of README.md.
  const [, inReadme] = /<!-- fields -->\n\n([\s\S]*?)\n\n<!-- \/fields -->/.exec(readme) ?? []
  expect(fieldTables()).toBe(inReadme)
})

test('the tables name every field that is not inside of an address, a map or the like', () => {
  const names = (spec: MessageSpec, use: MessageUse): string[] =>
    Object.entries(spec).flatMap(([number, field]) => {
      const own = use[Number(number)]
      return own?.as === 'message' && (field.kind === 'message' || field.kind === 'list') ? names(field.of, own.of) : [field.name]
    })
  const tables = fieldTables()
  expect([...names(HTTP_ENTRY, HTTP_USE), ...names(TCP_ENTRY, TCP_USE)].filter((name) => !tables.includes(`${name}\` |`))).toEqual([])
  expect(tables).not.toContain('|  |')
})
