import { ApiError } from './errors.ts'

/** What the codes of failed connections mean, and what can be done. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is it running, and is the address right?',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out; does a firewall or network policy stand between?',
  EHOSTUNREACH: 'host not reachable; does a firewall or network policy stand between?',
  ENETUNREACH: 'network not reachable',
  ENOTFOUND: 'no such host name; is the address right?',
  EAI_AGAIN: 'the host name cannot be resolved at the moment',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name; set tls-server-name in the kubeconfig',
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock of this machine is wrong',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or the clock of this machine is wrong',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by the known authority; is the authority the one of this cluster?',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not signed by the known authority; is the authority the one of this cluster?',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by the known authority; is the authority the one of this cluster?',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name it as the authority',
  EPROTO: 'it does not speak TLS at that port, or refuses our certificate',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP at that port',
}

/** The `ApiError` for a connection that failed or broke. */
export function connectionError(error: unknown, server: string): ApiError {
  if (error instanceof ApiError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  // A name with several addresses fails with all of their errors at once.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined
  const reason = REASONS[code] ?? REASONS[first?.code ?? ''] ?? `${message}${code === '' || message.includes(code) ? '' : ` (${code})`}`
  return new ApiError('connection', `cannot talk to the API server ${server}: ${reason}`, { cause: error })
}
