import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import { newLogRecord } from '../../../model/log_records.ts'
import { newSpan } from '../../../model/traces.ts'
import { Selection } from './match.ts'
import { type MatchConfig, matchProblems, severityNumber } from './match_schema.ts'

const GROUP = { resource: { attributes: AttributeSet.of({ 'service.name': 'cart', zone: 'a' }) }, scope: { name: 'lib', version: '2' } }
const RECORD = newLogRecord({ body: 'it failed', severityNumber: 17, severityText: 'ERROR', attributes: AttributeSet.of({ code: 500n, path: '/cart' }) })
const SPAN = newSpan({ name: 'GET /cart', kind: 'server', attributes: AttributeSet.of({ code: 500n }) })

function hasLog(include: MatchConfig, exclude?: MatchConfig): boolean {
  return new Selection({ include, exclude }).hasLog(RECORD, GROUP.resource, GROUP.scope)
}

describe('a log record', () => {
  test.each([
    [{ services: ['cart'] }, true],
    [{ services: ['car'] }, false],
    [{ resources: [{ key: 'zone', value: 'a' }] }, true],
    [{ resources: [{ key: 'zone' }, { key: 'none' }] }, false],
    [{ libraries: [{ name: 'lib' }] }, true],
    [{ libraries: [{ name: 'lib', version: '1' }] }, false],
    [{ attributes: [{ key: 'code', value: 500 }] }, true],
    [{ attributes: [{ key: 'code', value: '500' }] }, false],
    [{ log_bodies: ['it failed'] }, true],
    [{ log_severity_texts: ['ERROR'] }, true],
    [{ log_severity_number: { min: 'ERROR', match_undefined: false } }, true],
    [{ log_severity_number: { min: 'ERROR2', match_undefined: false } }, false],
    [{ services: ['cart'], log_bodies: ['other'] }, false],
    [{ span_names: ['it failed'] }, false],
    [{ metric_names: ['x'] }, false],
  ] as const)('that is selected by %j: %s', (config, expected) => {
    expect(hasLog({ match_type: 'strict', ...config })).toBe(expected)
  })

  test('may be selected by patterns', () => {
    expect(hasLog({ match_type: 'regexp', services: ['^ca'], log_bodies: ['fail'], attributes: [{ key: 'path', value: '^/' }] })).toBe(true)
    expect(hasLog({ match_type: 'regexp', services: ['^ar'] })).toBe(false)
  })

  test('that is both included and excluded is left alone', () => {
    expect(hasLog({ match_type: 'strict', services: ['cart'] }, { match_type: 'strict', attributes: [{ key: 'code' }] })).toBe(false)
    expect(hasLog({ match_type: 'strict', services: ['cart'] }, { match_type: 'strict', attributes: [{ key: 'none' }] })).toBe(true)
  })

  test('without severity is selected when asked for', () => {
    const selection = (isMatch: boolean) => new Selection({ include: { match_type: 'strict', log_severity_number: { min: 'INFO', match_undefined: isMatch } } })
    expect([true, false].map((isMatch) => selection(isMatch).hasLog(newLogRecord({}), GROUP.resource, GROUP.scope))).toEqual([true, false])
  })
})

test('spans are selected by name and kind, points by metric and attributes', () => {
  const spans = new Selection({ include: { match_type: 'regexp', span_names: ['^GET'], span_kinds: ['SERVER$'] } })
  expect(spans.hasSpan(SPAN, GROUP.resource, GROUP.scope)).toBe(true)
  expect(spans.hasSpan(newSpan({ name: SPAN.name, kind: 'client' }), GROUP.resource, GROUP.scope)).toBe(false)
  expect(spans.hasPoint('GET', SPAN.attributes, GROUP)).toBe(false)
  const points = new Selection({ include: { match_type: 'strict', metric_names: ['calls'], attributes: [{ key: 'code', value: 500 }] } })
  expect(points.hasPoint('calls', SPAN.attributes, GROUP)).toBe(true)
  expect(points.hasPoint('other', SPAN.attributes, GROUP)).toBe(false)
  expect(points.hasSpan(SPAN, GROUP.resource, GROUP.scope)).toBe(false)
})

test('severities have the numbers of OpenTelemetry', () => {
  expect(['TRACE', 'INFO', 'WARN3', 'FATAL4', 'INFO5', 'LOUD'].map(severityNumber)).toEqual([1, 9, 15, 24, undefined, undefined])
})

test.each([
  [{ match_type: 'strict' }, ['include']],
  [{ match_type: 'regexp', services: ['a', '('] }, ['include', 'services', 1]],
  [{ match_type: 'regexp', attributes: [{ key: 'a', value: '(' }] }, ['include', 'attributes', 0, 'value']],
  [{ match_type: 'strict', log_severity_number: { min: 'LOUD', match_undefined: false } }, ['include', 'log_severity_number', 'min']],
] as const)('%j is wrong at %j', (config, path) => {
  expect(matchProblems(config, 'include').map((problem) => problem.path)).toEqual([path])
})
