import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { httpServerProperties } from '../../component/kit/http_server.ts'
import { checkTlsServer } from '../../component/kit/tls.ts'

/** Settings of the extension; `endpoint` and `path` are the Collector's. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      endpoint: { type: 'string', format: 'endpoint', default: 'localhost:13133', description: 'Address to listen on; port 0 lets the system choose.' },
      path: { type: 'string', pattern: '^/', default: '/', description: 'Path of the page with everything; `/livez` and `/readyz` stay where they are.' },
      ...httpServerProperties,
    },
  },
  (checked): FieldProblem[] => [
    ...(FIXED_PATHS.includes(checked.path)
      ? [{ path: ['path'], problem: 'path is taken', expected: `a path other than ${FIXED_PATHS.join(' and ')}`, found: checked.path }]
      : []),
    ...checkTlsServer(checked.tls, ['tls']),
  ],
)

/** Paths that probes may rely on whatever the config says. */
export const FIXED_PATHS: readonly string[] = ['/livez', '/readyz']

export type HealthCheckConfig = ConfigOf<typeof config>
