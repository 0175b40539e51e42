/** The system's code of an error, such as `EADDRINUSE`; empty when it has none. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

/** Why a listener could not be opened and what to do, for a message that already names the address. */
export function listenErrorReason(error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return 'address in use; stop the other listener or change endpoint'
    case 'EACCES':
      return 'not permitted; choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE'
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address; use one of its own, localhost, or 0.0.0.0 for all'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name does not resolve; use an address of this machine, localhost, or 0.0.0.0 for all'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
