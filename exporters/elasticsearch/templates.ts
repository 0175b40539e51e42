import type { PlainJson } from '../../model/plain_json.ts'

const KEYWORD = { type: 'keyword', ignore_above: 1024 }
const TIME = { type: 'date_nanos' }

/** Every text is found by its whole value; nothing else is searched in with access logs, and it costs a fraction of the space. */
const TEXTS = [{ texts: { match_mapping_type: 'string', mapping: KEYWORD } }]

const HEAD = {
  '@timestamp': TIME,
  trace_id: KEYWORD,
  span_id: KEYWORD,
  attributes: { type: 'object' },
  resource: { properties: { attributes: { type: 'object' } } },
  scope: { properties: { name: KEYWORD, version: KEYWORD, attributes: { type: 'object' } } },
  data_stream: { properties: { type: KEYWORD, dataset: KEYWORD, namespace: KEYWORD } },
}

function template(pattern: string, properties: PlainJson): PlainJson {
  return {
    index_patterns: [pattern],
    data_stream: {},
    priority: 200,
    template: {
      // A value that does not fit the type of its field is kept, but not found by that field.
      settings: { 'index.mapping.ignore_malformed': true, 'index.mapping.total_fields.limit': 2000 },
      mappings: { dynamic_templates: TEXTS, properties },
    },
  }
}

/** Index templates for the data streams of mode `otel`, by their names; also in `deploy/opensearch/`. */
export const INDEX_TEMPLATES: Readonly<Record<'meshscope-logs' | 'meshscope-traces', PlainJson>> = {
  'meshscope-logs': template('logs-*.otel-*', {
    ...HEAD,
    observed_timestamp: TIME,
    severity_number: { type: 'byte' },
    severity_text: KEYWORD,
    event_name: KEYWORD,
    // A structured body is shown, and not searched in: its fields are not known before.
    body: { properties: { text: { type: 'text' }, structured: { type: 'object', enabled: false } } },
  }),
  'meshscope-traces': template('traces-*.otel-*', {
    ...HEAD,
    parent_span_id: KEYWORD,
    name: KEYWORD,
    kind: KEYWORD,
    duration: { type: 'long' },
    status: { properties: { code: KEYWORD, message: { type: 'text' } } },
    events: { type: 'object', enabled: false },
    links: { type: 'object', enabled: false },
  }),
}
