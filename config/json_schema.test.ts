import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { configTestRegistry } from '../test/fakes/config_factories.ts'
import { jsonSchema } from './json_schema.ts'

const schema = jsonSchema(configTestRegistry.factories)
// `deprecated` and union types are standard; strict mode only warns about them.
const validate = new Ajv2020({ strict: true, strictTypes: false, allErrors: true, formats: { regex: true } }).compile(schema)
const GOOD = new URL('testdata/good/', import.meta.url)

describe('the JSON Schema', () => {
  test.for(readdirSync(GOOD).filter((name) => name.endsWith('.yaml') && name !== 'yaml_features.yaml'))('accepts %s', (name) => {
    const data: unknown = parse(readFileSync(new URL(name, GOOD), 'utf8'), { merge: true })
    validate(data)
    expect(validate.errors).toBeNull()
  })

  test.for([
    { name: 'an unknown section', data: { reciever: {} } },
    { name: 'an unknown component', data: { receivers: { statd: {} } } },
    { name: 'an unknown setting', data: { receivers: { 'statsd/x': { endpint: 'a:1' } } } },
    { name: 'a wrong type', data: { receivers: { statsd: { packet_bytes_max: '5' } } } },
    { name: 'a duration without a unit', data: { receivers: { statsd: { aggregation_interval: '5' } } } },
    { name: 'an unknown pipeline', data: { service: { pipelines: { metrcs: {} } } } },
    { name: 'a missing setting', data: { exporters: { otlp: {} } } },
  ])('refuses $name', ({ data }) => {
    expect(validate(data)).toBe(false)
  })

  test('does not show what only this program knows', () => {
    expect(JSON.stringify(schema)).not.toMatch(/"secret"|"format":"(?:duration|endpoint|path)"/)
  })
})
