import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { durationMs } from '../../lib/duration.ts'

export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: { type: 'string', format: 'path', minLength: 1, description: 'The file to write. It is opened again when something else moves it away.' },
      format: { type: 'string', enum: ['json'], default: 'json', description: 'How records are written: one JSON object per line.' },
      append: {
        type: 'boolean',
        default: false,
        description: 'Whether an existing file is continued at the start; otherwise it is emptied. Not together with `rotation`, which always continues.',
      },
      rotation: {
        type: 'object',
        additionalProperties: false,
        description: 'Starts a new file when the current one is full; absent = one file without a limit.',
        properties: {
          max_megabytes: { type: 'integer', minimum: 1, default: 100, description: 'Size in MiB that a file does not exceed.' },
          max_days: { type: 'integer', minimum: 0, default: 0, description: 'Days after which old files are removed; 0 = never.' },
          max_backups: { type: 'integer', minimum: 0, default: 100, description: 'How many old files are kept; 0 = all.' },
          localtime: { type: 'boolean', default: false, description: 'Whether the times in the names of old files are local instead of UTC.' },
        },
      },
      flush_interval: { type: 'string', format: 'duration', default: '1s', description: 'Longest time that records wait before they are written.' },
      create_directory: { type: 'boolean', default: false, description: 'Whether missing directories of `path` are created.' },
      directory_permissions: {
        type: 'string',
        pattern: '^0?[0-7]{3}$',
        default: '0755',
        description: 'Octal permissions of directories that are created.',
      },
    },
  },
  (checked) => {
    const problems: FieldProblem[] = []
    if (checked.append && checked.rotation !== undefined) {
      problems.push({
        path: ['append'],
        problem: 'does not go with rotation',
        expected: 'append or rotation',
        found: 'both',
        hint: 'remove append; a rotated file is always continued',
      })
    }
    if (durationMs(checked.flush_interval) <= 0) {
      problems.push({
        path: ['flush_interval'],
        problem: 'too short',
        expected: 'a duration above 0',
        found: checked.flush_interval,
        hint: 'the default is 1s',
      })
    }
    return problems
  },
)

export type FileConfig = ConfigOf<typeof config>
