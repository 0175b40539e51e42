/** gRPC status codes that are the server's fault (semantic conventions for gRPC), as bits. */
const GRPC_SERVER_ERRORS = (1 << 2) | (1 << 4) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 15)

/** The names of gRPC status codes, by number. */
export const GRPC_STATUS_NAMES: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** True when a gRPC status is an error: any but OK for the client, the server's own faults for the server. */
export function isGrpcError(status: number, isClient: boolean): boolean {
  return status > 0 && (isClient || status > 16 || ((1 << status) & GRPC_SERVER_ERRORS) !== 0)
}
