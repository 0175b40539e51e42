import { describe, expect, it } from 'vitest'
import { metricFamily } from '../../test/fakes/metrics.ts'
import { escapeHelp, escapeQuoted, exactLabelName, exposedName, labelName } from './names.ts'

const plain = { namespace: '', addsSuffixes: true }

describe('exposedName', () => {
  const gauge = { type: 'gauge', isMonotonic: false } as const
  const cases = [
    ['request.count', {}, plain, 'request_count_total', 'request_count', ''],
    ['request.total.count', {}, plain, 'request_count_total', 'request_count', ''],
    ['http.server.duration', { unit: 's', type: 'histogram' }, plain, 'http_server_duration_seconds', 'http_server_duration_seconds', 'seconds'],
    ['io', { unit: 'By' }, plain, 'io_bytes_total', 'io_bytes', 'bytes'],
    ['seconds.busy', { unit: 's', ...gauge }, plain, 'seconds_busy', 'seconds_busy', ''],
    ['speed', { unit: 'm/s', ...gauge }, plain, 'speed_meters_per_second', 'speed_meters_per_second', 'meters_per_second'],
    ['rate', { unit: '{requests}/s', ...gauge }, plain, 'rate_per_second', 'rate_per_second', 'per_second'],
    ['load', { unit: '1', ...gauge }, plain, 'load_ratio', 'load_ratio', 'ratio'],
    ['hits', { unit: '1' }, plain, 'hits_total', 'hits', ''],
    ['open', { unit: '{connections}', isMonotonic: false }, plain, 'open', 'open', ''],
    ['odd', { unit: 'fur.long', ...gauge }, plain, 'odd_fur_long', 'odd_fur_long', 'fur_long'],
    ['odd', { unit: 'constructor', ...gauge }, plain, 'odd_constructor', 'odd_constructor', 'constructor'],
    ['__a..b--c__', gauge, plain, 'a_b_c', 'a_b_c', ''],
    ['2xx', gauge, plain, '_2xx', '_2xx', ''],
    ['2xx', gauge, { namespace: 'n-s', addsSuffixes: true }, 'n_s_2xx', 'n_s_2xx', ''],
    ['größe', gauge, plain, 'gr_e', 'gr_e', ''],
    ['', gauge, plain, '_', '_', ''],
    ['request.count', { unit: 's' }, { namespace: '', addsSuffixes: false }, 'request_count', 'request_count', ''],
    ['istio_requests_total', { isExactName: true, unit: '1' }, plain, 'istio_requests_total', 'istio_requests', ''],
    ['istio__odd', { isExactName: true, unit: 'ms' }, plain, 'istio__odd', 'istio__odd', ''],
    [
      'istio_request_duration_milliseconds',
      { isExactName: true, unit: 'ms', type: 'histogram' },
      plain,
      'istio_request_duration_milliseconds',
      'istio_request_duration_milliseconds',
      'milliseconds',
    ],
  ] as const
  it.each(cases)('calls %s %j with %j %s', (name, fields, options, wanted, base, unit) => {
    expect(exposedName(metricFamily(name, fields), options)).toMatchObject({ name: wanted, base, unit })
  })
})

describe('labelName', () => {
  it.each([
    ['http.method', 'http_method'],
    ['2xx', 'key_2xx'],
    ['_private', 'key_private'],
    ['__name__', '__name__'],
    ['a--b', 'a__b'],
    ['é', 'key_'],
    ['', 'key_'],
  ])('makes %j %j', (key, wanted) => {
    expect(labelName(key)).toBe(wanted)
  })
})

describe('exactLabelName', () => {
  it.each([
    ['_private', '_private'],
    ['_9digit', '_9digit'],
    ['__name__', '__name__'],
    ['http.method', 'http_method'],
    ['2xx', '_2xx'],
    ['', '_'],
  ])('makes %j %j', (key, wanted) => {
    expect(exactLabelName(key)).toBe(wanted)
  })
})

describe('escaping', () => {
  it('escapes backslashes, quotes and line feeds, each as its place wants it', () => {
    expect(escapeQuoted('a\\b"c\nd')).toBe('a\\\\b\\"c\\nd')
    expect(escapeHelp('a\\b"c\nd')).toBe('a\\\\b"c\\nd')
  })
})
