import type { EntryAttributesOptions } from '../../model/access_log_otlp/entry_attributes.ts'

/** Header names whose values are shown unless the config says otherwise: they say how, not who or what. */
const HEADERS_ALLOWED = [
  'accept',
  'accept-encoding',
  'accept-language',
  'b3',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'grpc-*',
  'host',
  'server',
  'traceparent',
  'via',
  'x-b3-*',
  'x-content-type-options',
  'x-envoy-attempt-count',
  'x-envoy-upstream-service-time',
  'x-forwarded-proto',
]

/** Settings of components that make attributes of access-log entries: a fragment of the `properties` of their schema. */
export const ATTRIBUTE_PROPERTIES = {
  detail: {
    type: 'string',
    enum: ['normal', 'full'],
    default: 'normal',
    description: 'Which fields of an entry become attributes: `normal` leaves out single times, header sizes and the like, which most backends only store.',
  },
  headers: {
    type: 'array',
    items: { type: 'string', minLength: 1 },
    default: ['*'],
    description:
      'Names of logged request headers, response headers and trailers that become attributes; `*` stands for any characters. What Envoy logs is chosen in its own config (`additional_request_headers_to_log`).',
  },
  tags: {
    type: 'array',
    items: { type: 'string', minLength: 1 },
    default: ['*'],
    description: 'Names of custom tags that become attributes; `*` stands for any characters. Their values are not redacted.',
  },
  redact: {
    type: 'object',
    additionalProperties: false,
    default: {},
    description: 'What is not shown of query strings and headers, where secrets and personal data stand.',
    properties: {
      query: {
        type: 'string',
        enum: ['values', 'whole', 'none'],
        default: 'values',
        description: 'Query strings: `values` become `REDACTED`, or the `whole` query is left out, or it is shown as it is (`none`).',
      },
      query_allowed: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        default: [],
        description: 'Names of query parameters whose values are shown; `*` stands for any characters.',
      },
      headers_allowed: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        default: HEADERS_ALLOWED,
        description: 'Names of headers and trailers whose values are shown, those of others become `REDACTED`; `*` stands for any characters.',
      },
    },
  },
} as const

/** What a config with `ATTRIBUTE_PROPERTIES` says. */
export interface AttributeConfig {
  readonly detail: 'normal' | 'full'
  readonly headers: readonly string[]
  readonly tags: readonly string[]
  readonly redact: { readonly query: 'values' | 'whole' | 'none'; readonly query_allowed: readonly string[]; readonly headers_allowed: readonly string[] }
}

export function attributeOptions({ detail, headers, tags, redact }: AttributeConfig): EntryAttributesOptions {
  return { hasDetail: detail === 'full', headers, tags, query: redact.query, queryAllowed: redact.query_allowed, headersAllowed: redact.headers_allowed }
}
