import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { checkHeaderName } from '../../component/kit/auth.ts'

/** Settings of the extension; names and defaults are the Collector's. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      header: { type: 'string', default: 'Authorization', description: 'Header that carries the token; in gRPC the metadata of that name, in lower case.' },
      scheme: { type: 'string', default: 'Bearer', description: 'What stands before the token in the header, with a space after it; empty = nothing.' },
      token: { type: 'string', secret: true, default: '', description: 'The token.' },
      tokens: {
        type: 'array',
        items: { type: 'string', minLength: 1, secret: true },
        default: [],
        description: 'Several tokens instead of one: any of them is accepted, and the first is sent.',
      },
      filename: {
        type: 'string',
        format: 'path',
        default: '',
        description: 'File with tokens, one a line, instead of token and tokens; changes are taken over while running.',
      },
    },
  },
  (checked): FieldProblem[] => [
    ...checkHeaderName(checked.header, ['header']),
    ...(checked.filename === '' && checked.token === '' && checked.tokens.length === 0
      ? [{ path: [], problem: 'no token', expected: 'one of token, tokens and filename', hint: 'set token: ${env:TOKEN}, or filename to a mounted secret' }]
      : []),
    ...(checked.token !== '' && checked.tokens.length > 0
      ? [{ path: ['tokens'], problem: 'given together with token', expected: 'one of token and tokens', hint: 'move token into tokens' }]
      : []),
  ],
)

export type BearerTokenAuthConfig = ConfigOf<typeof config>
