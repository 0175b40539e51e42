import { defineExtension } from '../../component/factory.ts'
import { checkAuthUses } from '../../component/kit/auth.ts'
import { type BasicAuthConfig, config } from './config.ts'
import { BasicAuth } from './extension.ts'

/** Users and passwords in a header, for listeners or for clients. */
export const basicAuthExtension = defineExtension<BasicAuthConfig>({
  type: 'basicauth',
  description: 'Checks users and passwords of requests that come in, or adds them to requests that go out.',
  stability: 'alpha',
  provides: ['server_authenticator', 'client_authenticator'],
  config,
  create: (settings, checked) => new BasicAuth(settings, checked),
  ingest: (settings, checked) => new BasicAuth(settings, checked),
  checkUses: ({ htpasswd, client_auth }, uses) =>
    checkAuthUses(uses, {
      server: htpasswd !== undefined,
      client: client_auth !== undefined,
      hints: { server: 'it needs an extension with htpasswd', client: 'it needs an extension with client_auth' },
    }),
})
