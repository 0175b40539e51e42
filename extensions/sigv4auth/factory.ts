import { defineExtension } from '../../component/factory.ts'
import { config } from './config.ts'
import { Sigv4Auth } from './extension.ts'

/** Signatures of AWS, for clients. */
export const sigv4AuthExtension = defineExtension({
  type: 'sigv4auth',
  description: 'Signs requests to AWS services (Signature Version 4), with the credentials of pod, task or instance.',
  stability: 'alpha',
  provides: ['client_authenticator'],
  config,
  create: (settings, checked) => new Sigv4Auth(settings, checked),
})
