import { defineReceiver } from '../../component/factory.ts'
import { useAuthenticator } from '../../component/kit/auth.ts'
import { type OtlpConfig, otlpConfig } from './config.ts'
import { OtlpIngest } from './ingest.ts'
import { OtlpMain } from './main.ts'

/** OTLP over gRPC and HTTP. */
export const otlpReceiver = defineReceiver<OtlpConfig>({
  type: 'otlp',
  description: 'Receives logs, metrics and traces by OTLP, over gRPC and HTTP (protobuf and JSON).',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'main',
  config: otlpConfig,
  listens: ({ protocols: { grpc, http } }) => [
    ...(grpc === undefined ? [] : [{ network: grpc.transport, address: grpc.endpoint, path: ['protocols', 'grpc', 'endpoint'] } as const]),
    ...(http === undefined ? [] : [{ network: 'tcp', address: http.endpoint, path: ['protocols', 'http', 'endpoint'] } as const]),
  ],
  uses: ({ protocols: { grpc, http } }) => [
    ...useAuthenticator(grpc?.auth, { side: 'server', path: ['protocols', 'grpc', 'auth'] }),
    ...useAuthenticator(http?.auth, { side: 'server', path: ['protocols', 'http', 'auth'] }),
  ],
  create: (settings, config, next) => new OtlpMain(settings, config, next),
  ingest: (settings, config, link) => new OtlpIngest(settings, config, link),
})
