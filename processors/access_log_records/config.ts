import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { ATTRIBUTE_PROPERTIES } from '../../component/kit/access_log_options.ts'
import { durationMs } from '../../lib/duration.ts'

export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      include: {
        type: 'string',
        enum: ['all', 'ends', 'warnings', 'errors'],
        default: 'all',
        description:
          'Which entries become records: all; `ends` of requests and connections, without starts, periodic reports, single attempts and the mesh’s own traffic; of these only `warnings` and worse, or only `errors`.',
      },
      slower_than: {
        type: 'string',
        format: 'duration',
        default: '0s',
        description: 'Ends that took at least this long become records whatever `include` and `sampling` say; `0s` = none.',
      },
      sampling: {
        type: 'object',
        additionalProperties: false,
        default: {},
        description: 'Keeps a share of the entries. Records of a share below 100 % have the attribute `sampling.weight`: how many entries one stands for.',
        properties: {
          percentage: {
            type: 'number',
            exclusiveMinimum: 0,
            maximum: 100,
            default: 100,
            description:
              'Share of the entries that are neither warnings nor errors. Entries with one trace id, else one request id, are kept or left out together, by all proxies and collectors.',
          },
          failed_percentage: { type: 'number', exclusiveMinimum: 0, maximum: 100, default: 100, description: 'Share of the warnings and errors.' },
        },
      },
      ...ATTRIBUTE_PROPERTIES,
      body: {
        type: 'string',
        enum: ['none', 'json', 'text'],
        default: 'none',
        description:
          'Body of the records: none, the whole entry as JSON with the names of Envoy’s protocol, or a line like that of Envoy’s default text format. Both cost several times as much as the attributes.',
      },
    },
  },
  (checked) => {
    const problems: FieldProblem[] = []
    if (durationMs(checked.slower_than) < 0) {
      problems.push({
        path: ['slower_than'],
        problem: 'negative',
        expected: 'a duration of 0s or more',
        found: checked.slower_than,
        hint: '0s switches it off',
      })
    }
    return problems
  },
)

export type AccessLogRecordsConfig = ConfigOf<typeof config>
