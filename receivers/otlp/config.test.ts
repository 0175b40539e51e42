import { describe, expect, test } from 'vitest'
import { otlpConfigOf } from '../../test/fakes/otlp_ingest.ts'

describe('a protocol', () => {
  test('is on when its key is there, with all defaults when nothing follows', () => {
    const both = otlpConfigOf({ protocols: { grpc: null, http: null } }).config
    expect(both?.protocols.grpc).toMatchObject({ endpoint: 'localhost:4317', transport: 'tcp', max_recv_msg_size_mib: 4, include_metadata: false })
    expect(both?.protocols.http).toMatchObject({
      endpoint: 'localhost:4318',
      max_request_body_size: 20 << 20,
      traces_url_path: '/v1/traces',
      metrics_url_path: '/v1/metrics',
      logs_url_path: '/v1/logs',
    })
    expect(both?.pending).toEqual({ requests_max: 1024, bytes_max: 64 << 20, retry_after: '1s' })
    expect(otlpConfigOf({ protocols: { http: {} } }).config?.protocols).not.toHaveProperty('grpc')
  })
})

test.for([
  { name: 'no protocols', settings: {}, problems: ['receivers.otlp.protocols: missing setting'] },
  { name: 'no protocol', settings: { protocols: {} }, problems: ['receivers.otlp.protocols: no protocol'] },
  { name: 'an unknown protocol', settings: { protocols: { thrift: {} } }, problems: ['receivers.otlp.protocols.thrift: unknown setting'] },
  { name: 'a bad address', settings: { protocols: { grpc: { endpoint: 'localhost' } } }, problems: ['receivers.otlp.protocols.grpc.endpoint: not an address'] },
  {
    name: 'one address for both',
    settings: { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: '127.0.0.1:0' } } },
    problems: ['receivers.otlp.protocols.http.endpoint: the same as of grpc'],
  },
  {
    name: 'half of TLS',
    settings: { protocols: { grpc: { tls: { cert_file: '/a' } }, http: { tls: { key_file: '/a' } } } },
    problems: ['receivers.otlp.protocols.grpc.tls: no key_file', 'receivers.otlp.protocols.http.tls: no cert_file'],
  },
  {
    name: 'one path for two signals',
    settings: { protocols: { http: { logs_url_path: '/v1/traces' } } },
    problems: ['receivers.otlp.protocols.http.logs_url_path: the same as traces_url_path'],
  },
  {
    name: 'less memory than a request may take',
    settings: { protocols: { grpc: { max_recv_msg_size_mib: 100 } }, pending: { bytes_max: 1 << 20 } },
    problems: ['receivers.otlp.pending.bytes_max: smaller than one request may be'],
  },
  {
    name: 'an unsupported compression',
    settings: { protocols: { http: { compression_algorithms: ['gzip', 'snappy'] } } },
    problems: ['receivers.otlp.protocols.http.compression_algorithms[1]: unknown value'],
  },
  {
    name: 'auth without a name',
    settings: { protocols: { grpc: { auth: {} } } },
    problems: ['receivers.otlp.protocols.grpc.auth.authenticator: missing setting'],
  },
])('a config with $name is told so', ({ settings, problems }, { expect: check }) => {
  check(otlpConfigOf(settings).problems).toEqual(problems)
})
