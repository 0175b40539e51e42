import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { checkRegion, checkRoleArn } from '../../component/kit/aws/session_schema.ts'

/** Settings of the extension; names are the Collector's. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      region: {
        type: 'string',
        minLength: 1,
        description:
          'Region of the service; without it what the host says (`xray.eu-west-1.amazonaws.com`), then AWS_REGION, AWS_DEFAULT_REGION, and last the EC2 instance.',
      },
      service: {
        type: 'string',
        pattern: '^[a-z0-9-]+$',
        description: 'Name of the service in signatures, such as `xray`, `logs`, `monitoring`, `aps` or `es`; without it what the host says.',
      },
      assume_role: {
        type: 'object',
        additionalProperties: false,
        description: 'A role to assume, such as one in another account.',
        required: ['arn'],
        properties: {
          arn: { type: 'string', minLength: 1, description: 'The role.' },
          session_name: {
            type: 'string',
            pattern: '^[A-Za-z0-9_+=,.@-]{2,64}$',
            description: "Name of the session in the account's audit log; without it one with the host's name.",
          },
          external_id: { type: 'string', minLength: 1, description: 'External id that the trust policy of the role asks for.' },
          sts_region: { type: 'string', minLength: 1, description: 'Region of the STS that gives the credentials; without it `region`.' },
          web_identity_token_file: {
            type: 'string',
            format: 'path',
            minLength: 1,
            description: 'File with the token of a web identity that may assume the role; without it the credentials that are found may.',
          },
        },
      },
    },
  },
  ({ region, assume_role: role }): FieldProblem[] => [
    ...(region === undefined ? [] : checkRegion(region, ['region'])),
    ...(role === undefined ? [] : checkRoleArn(role.arn, ['assume_role', 'arn'])),
    ...(role?.sts_region === undefined ? [] : checkRegion(role.sts_region, ['assume_role', 'sts_region'])),
    ...(role?.external_id !== undefined && role.web_identity_token_file !== undefined
      ? [
          {
            path: ['assume_role', 'external_id'],
            problem: 'given together with web_identity_token_file',
            expected: 'one of external_id and web_identity_token_file',
            hint: 'STS takes no external id with a web identity; remove it',
          },
        ]
      : []),
  ],
)

export type Sigv4AuthConfig = ConfigOf<typeof config>
