import type { IncomingHttpHeaders } from 'node:http'
import type { Settings } from '../component.ts'
import type { FieldProblem, FromSchema } from '../config_schema.ts'
import type { ExtensionUse, NamedUse, UseProblem } from '../factory.ts'

/**
 * How components prove who they are and find out who asks, by the Collector's `configauth`: an authenticator is an
 * extension that shares an `Authenticator`, and a component names it by its id.
 */

/** The block that names an authenticator; a component adds it to the properties of a listener or client as `auth`. */
export const authSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['authenticator'],
  description: 'Who may send, or what to send as proof: asks an extension such as bearertokenauth or basicauth.',
  properties: {
    authenticator: { type: 'string', minLength: 1, description: 'Id of the extension, such as bearertokenauth or basicauth/edge.' },
  },
} as const

export type AuthConfig = FromSchema<typeof authSchema>

/** Which side of a connection a component is on. */
export type AuthSide = 'server' | 'client'

/** What it wants of the extension (`ExtensionUse.needs`). */
interface AuthNeeds {
  readonly side: AuthSide
}

const ROLES = { server: 'server_authenticator', client: 'client_authenticator' } as const

/** What an authenticator shares: the sides it is configured for. */
export interface Authenticator {
  readonly server?: ServerAuthenticator
  readonly client?: ClientAuthenticator
}

/** Headers of a request under lowercase names; gRPC metadata among them. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** Tells who sent a request. */
export interface ServerAuthenticator {
  /**
   * What is known about the sender (`Client.auth`), such as `username`. Throws or rejects with `UnauthenticatedError` when the
   * headers prove nothing, and with `RefusedError` when it cannot be found out now.
   */
  authenticate(headers: RequestHeaders): AuthData | Promise<AuthData>
}

/** What an authenticator knows about a sender. */
export type AuthData = Readonly<Record<string, string>>

/** A request that is about to be sent, for authenticators that sign it. */
export interface OutgoingRequest {
  readonly method: string
  readonly url: URL
  /** Under lowercase names. */
  readonly headers: Readonly<Record<string, string>>
  /** As it goes over the wire, compressed where it is. */
  readonly body: Uint8Array
}

/** An answer that may say that a proof was not accepted. */
export interface RefusedProof {
  /** Of the request. */
  readonly url: URL
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

/** Proves to a server who sends. */
export interface ClientAuthenticator {
  /** True when `headers` depends on the request; such an authenticator does not work with gRPC. */
  readonly signsRequests?: boolean
  /** The headers to add, under lowercase names. Asked for every request, because proofs change. Rejects when there is none at present. */
  headers(request: OutgoingRequest): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Told of an answer with a 4xx code. True when the same request would carry another proof now, so that it is worth sending again at once. */
  refused?(answer: RefusedProof): boolean | Promise<boolean>
}

/** The request does not prove who sent it. The message is for the client: it says what is missing, never what was expected. */
export class UnauthenticatedError extends Error {
  override readonly name = 'UnauthenticatedError'
  /** Of HTTP: what the `WWW-Authenticate` header says (RFC 9110 section 11.6.1). */
  readonly challenge: string

  constructor(message: string, challenge: string) {
    super(message)
    this.challenge = challenge
  }
}

/** The use of the authenticator that a block names; none without a block. For `uses` of a factory; `path` is where the block stands. */
export function useAuthenticator(auth: AuthConfig | undefined, { side, path }: { readonly side: AuthSide; readonly path: readonly string[] }): ExtensionUse[] {
  if (auth === undefined) return []
  const needs: AuthNeeds = { side }
  return [{ extension: auth.authenticator, needs, isOptional: false, named: { as: ROLES[side], path: [...path, 'authenticator'] } }]
}

/** The server side of the authenticator that a block names; undefined without a block. Throws a sentence for the operator when it has none. */
export function serverAuthenticatorOf(settings: Pick<Settings, 'shared'>, auth: AuthConfig | undefined): ServerAuthenticator | undefined {
  return auth === undefined ? undefined : sideOf(settings, auth, 'server')
}

/** The client side of the authenticator that a block names; undefined without a block. Throws a sentence for the operator when it has none. */
export function clientAuthenticatorOf(settings: Pick<Settings, 'shared'>, auth: AuthConfig | undefined): ClientAuthenticator | undefined {
  return auth === undefined ? undefined : sideOf(settings, auth, 'client')
}

function sideOf<S extends AuthSide>(settings: Pick<Settings, 'shared'>, { authenticator: id }: AuthConfig, side: S): NonNullable<Authenticator[S]> {
  const shared = settings.shared(id)
  if (typeof shared !== 'object' || shared === null || !('server' in shared || 'client' in shared))
    throw new Error(`auth.authenticator ${id} is not an authenticator; name an extension such as bearertokenauth or basicauth`)
  const found = (shared as Authenticator)[side]
  if (found === undefined) throw new Error(`auth.authenticator ${id} ${MISSING[side]}`)
  return found
}

const MISSING = {
  server: 'cannot check requests that come in',
  client: 'has nothing to send with requests that go out',
} as const

/** What an authenticator is configured for, and which of its settings would give it the other side. */
export interface ConfiguredSides {
  readonly server: boolean
  readonly client: boolean
  readonly hints: { readonly server: string; readonly client: string }
}

/** Uses of a side that the extension is not configured for; for `checkUses` of an authenticator's factory. */
export function checkAuthUses(uses: readonly NamedUse[], sides: ConfiguredSides): UseProblem[] {
  return uses.flatMap(({ needs }, use) => {
    const { side } = needs as AuthNeeds
    if (sides[side]) return []
    const expected = side === 'server' ? 'an authenticator that checks requests' : 'an authenticator with a proof to send'
    return [{ use, path: [], problem: `its authenticator ${MISSING[side]}`, expected, hint: sides.hints[side] }]
  })
}

/** The value of a header that may be given once; the first of several. */
export function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()]
  return typeof value === 'object' ? value[0] : value
}

/** Problems with the name of a header that a user may choose. */
export function checkHeaderName(name: string, path: readonly string[]): FieldProblem[] {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return []
  return [{ path, problem: 'not a header name', expected: 'letters, digits and hyphens, such as Authorization', found: name }]
}
