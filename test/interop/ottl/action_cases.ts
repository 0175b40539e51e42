import type { OttlCase } from './cases.ts'

const logs = (...actions: readonly object[]): OttlCase => ({ signal: 'logs', processor: 'attributes', settings: { actions } })

/** Settings of the processors `attributes` and `resource`. */
export const ACTION_CASES: readonly OttlCase[] = [
  logs({ key: 'new', value: 'x', action: 'insert' }, { key: 'url', value: 'y', action: 'insert' }, { key: 'n', value: 5, action: 'insert' }),
  logs({ key: 'new', value: 'x', action: 'update' }, { key: 'url', value: 'y', action: 'update' }, { key: 'ok', value: false, action: 'update' }),
  logs({ key: 'new', value: 'x', action: 'upsert' }, { key: 'url', value: 'y', action: 'upsert' }, { key: 'half', value: 0.5, action: 'upsert' }),
  logs({ key: 'copy', from_attribute: 'list', action: 'upsert' }, { key: 'none.too', from_attribute: 'zzz', action: 'upsert' }),
  logs({ key: 'url', action: 'delete' }, { pattern: '^http\\.', action: 'delete' }),
  logs({ key: 'url', action: 'hash' }),
  logs({ key: 'http.status', action: 'hash' }),
  logs({ key: 'ok', action: 'hash' }, { key: 'ratio', action: 'hash' }),
  logs({ pattern: '^(url|user\\.password)$', action: 'hash' }),
  logs({ key: 'url', pattern: '^/user/(?P<id>\\d+)/(?P<kind>\\w+)', action: 'extract' }),
  logs({ key: 'number', converted_type: 'int', action: 'convert' }, { key: 'http.status', converted_type: 'string', action: 'convert' }),
  logs({ key: 'ratio', converted_type: 'int', action: 'convert' }, { key: 'ok', converted_type: 'string', action: 'convert' }),
  logs({ key: 'ratio', converted_type: 'string', action: 'convert' }, { key: 'http.status', converted_type: 'double', action: 'convert' }),
  logs({ key: 'url', converted_type: 'int', action: 'convert' }, { key: 'number', converted_type: 'double', action: 'convert' }),
  {
    signal: 'logs',
    processor: 'attributes',
    settings: {
      include: { match_type: 'strict', log_severity_texts: ['ERROR'] },
      actions: [{ key: 'failed', value: true, action: 'insert' }],
    },
  },
  {
    signal: 'logs',
    processor: 'attributes',
    settings: {
      include: { match_type: 'regexp', log_bodies: ['done$$'] },
      exclude: { match_type: 'strict', attributes: [{ key: 'http.method', value: 'POST' }] },
      actions: [{ key: 'done', value: true, action: 'insert' }],
    },
  },
  {
    signal: 'logs',
    processor: 'attributes',
    settings: {
      include: { match_type: 'strict', log_severity_number: { min: 13, match_undefined: true } },
      actions: [{ key: 'severe', value: true, action: 'insert' }],
    },
  },
  {
    signal: 'traces',
    processor: 'attributes',
    settings: { include: { match_type: 'regexp', services: ['^w'], span_names: ['.'] }, actions: [{ key: 'x', value: 1, action: 'upsert' }] },
  },
  { signal: 'metrics', processor: 'attributes', settings: { actions: [{ key: 'env', value: 'test', action: 'upsert' }] } },
  ...(['logs', 'traces', 'metrics'] as const).map(
    (signal): OttlCase => ({
      signal,
      processor: 'resource',
      settings: {
        attributes: [
          { key: 'env', value: 'test', action: 'upsert' },
          { key: 'ns', from_attribute: 'k8s.namespace.name', action: 'insert' },
          { key: 'replicas', action: 'delete' },
        ],
      },
    }),
  ),
]
