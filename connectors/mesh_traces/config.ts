import { type ConfigOf, configSchema } from '../../component/config_schema.ts'
import { ATTRIBUTE_PROPERTIES } from '../../component/kit/access_log_options.ts'

export const config = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    header_span: {
      type: 'string',
      enum: ['caller', 'proxy'],
      default: 'caller',
      description:
        'Whose span the id in a logged request header (`traceparent`, B3) is: `caller` where the proxies pass headers on as they are (no tracing in Envoy), `proxy` where they trace themselves. Custom tags `span_id` are always the proxy’s.',
    },
    unsampled: {
      type: 'string',
      enum: ['drop', 'keep'],
      default: 'drop',
      description: 'What becomes of requests whose trace context says that they are not sampled.',
    },
    events: { type: 'boolean', default: true, description: 'Whether the times that Envoy measured (first and last bytes) become events of the span.' },
    ...ATTRIBUTE_PROPERTIES,
  },
})

export type MeshTracesConfig = ConfigOf<typeof config>
