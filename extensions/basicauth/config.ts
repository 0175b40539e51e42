import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { parseHtpasswd } from './htpasswd.ts'

/** Settings of the extension; names are the Collector's. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      htpasswd: {
        type: 'object',
        additionalProperties: false,
        description: 'Who may send, for listeners.',
        properties: {
          file: {
            type: 'string',
            format: 'path',
            default: '',
            description: 'Password file as the htpasswd program writes it; changes are taken over while running.',
          },
          inline: {
            type: 'string',
            secret: true,
            default: '',
            description: 'Lines of a password file. They win over those of the file with the same user.',
          },
        },
      },
      client_auth: {
        type: 'object',
        additionalProperties: false,
        description: 'What to send, for clients.',
        properties: {
          username: { type: 'string', default: '', description: 'User to send.' },
          username_file: {
            type: 'string',
            format: 'path',
            default: '',
            description: 'File with the user, instead of username; changes are taken over while running.',
          },
          password: { type: 'string', secret: true, default: '', description: 'Password to send.' },
          password_file: {
            type: 'string',
            format: 'path',
            default: '',
            description: 'File with the password, instead of password; changes are taken over while running.',
          },
        },
      },
    },
  },
  (checked): FieldProblem[] => [...checkSides(checked), ...checkServer(checked), ...checkClient(checked)],
)

export type BasicAuthConfig = ConfigOf<typeof config>

function checkSides({ htpasswd, client_auth }: BasicAuthConfig): FieldProblem[] {
  if (htpasswd === undefined && client_auth === undefined)
    return [{ path: [], problem: 'no password', expected: 'htpasswd for listeners, or client_auth for clients' }]
  if (htpasswd === undefined || client_auth === undefined) return []
  return [
    { path: ['client_auth'], problem: 'given together with htpasswd', expected: 'one of them', hint: 'make a second extension, such as basicauth/client' },
  ]
}

function checkServer({ htpasswd }: BasicAuthConfig): FieldProblem[] {
  if (htpasswd === undefined) return []
  if (htpasswd.file === '' && htpasswd.inline === '') return [{ path: ['htpasswd'], problem: 'no password file', expected: 'file, inline or both' }]
  return parseHtpasswd(htpasswd.inline).problems.map(({ line, problem, expected }) => ({
    path: ['htpasswd', 'inline'],
    problem: `${problem} in line ${line}`,
    expected,
    hint: 'write lines with htpasswd -nB USER',
  }))
}

function checkClient({ client_auth: client }: BasicAuthConfig): FieldProblem[] {
  if (client === undefined) return []
  const problems: FieldProblem[] = []
  for (const key of ['username', 'password'] as const) {
    const hasValue = client[key] !== ''
    const hasFile = client[`${key}_file`] !== ''
    if (hasValue && hasFile)
      problems.push({ path: ['client_auth', `${key}_file`], problem: `given together with ${key}`, expected: `one of ${key} and ${key}_file` })
    // An empty password is one, too; an empty user is not.
    if (key === 'username' && !hasValue && !hasFile) problems.push({ path: ['client_auth'], problem: 'no username', expected: 'username or username_file' })
  }
  if (client.username.includes(':'))
    problems.push({ path: ['client_auth', 'username'], problem: 'has a colon', expected: 'a user without one: it ends the user in the header (RFC 7617)' })
  return problems
}
