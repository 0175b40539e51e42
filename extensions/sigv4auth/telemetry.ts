import type { InstrumentSpec } from '../../component/telemetry.ts'

export const SIGNED: InstrumentSpec = {
  name: 'meshscope_sigv4auth_signed_requests',
  description: 'Requests that were signed.',
  unit: '{requests}',
  type: 'counter',
  labels: { extension: 'id of the extension' },
}

export const REFUSED: InstrumentSpec = {
  name: 'meshscope_sigv4auth_refused_requests',
  description: 'Answers that refused time or credentials of a request, which was then signed anew.',
  unit: '{requests}',
  type: 'counter',
  labels: { extension: 'id of the extension' },
}
