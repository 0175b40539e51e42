/** Why there is no way to the API server: a sentence that names the place, without secrets. */
export class AccessError extends Error {
  override readonly name = 'AccessError'
}

export interface AccessProblem {
  readonly expected?: string
  readonly found?: string
  readonly hint?: string
  readonly cause?: unknown
}

/** An `AccessError` about a place (file, key, variable): what is wrong, what was expected and found, and what to do. */
export function accessError(place: string, problem: string, { expected, found, hint, cause }: AccessProblem = {}): AccessError {
  const parts = [
    `${place}: ${problem}`,
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(found === undefined ? [] : [`found ${found}`]),
    ...(hint === undefined ? [] : [hint]),
  ]
  return new AccessError(parts.join('; '), cause === undefined ? undefined : { cause })
}
