import { defineExtension } from '../../component/factory.ts'
import { config } from './config.ts'
import { BearerTokenAuth } from './extension.ts'

/** Tokens in a header, for listeners and for clients. */
export const bearerTokenAuthExtension = defineExtension({
  type: 'bearertokenauth',
  description: 'Checks the bearer tokens of requests that come in, and adds one to requests that go out.',
  stability: 'alpha',
  provides: ['server_authenticator', 'client_authenticator'],
  config,
  create: (settings, checked) => new BearerTokenAuth(settings, checked),
  ingest: (settings, checked) => new BearerTokenAuth(settings, checked),
})
