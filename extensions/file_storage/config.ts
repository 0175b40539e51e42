import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { durationMs } from '../../lib/duration.ts'

const IGNORED = 'Accepted for configs of the Collector, without effect: files are removed as soon as what is in them is delivered.'

/** Settings of the extension; the names are the Collector's where it has them. */
export const config = configSchema(
  {
    type: 'object',
    additionalProperties: false,
    properties: {
      directory: {
        type: 'string',
        format: 'path',
        minLength: 1,
        default: '/var/lib/meshscope/file_storage',
        description: 'Where the files are. One process at a time; put it on a volume that outlives the container.',
      },
      timeout: { type: 'string', format: 'duration', default: '1s', description: 'How long to wait at the start for another process to let the directory go.' },
      fsync: {
        type: 'boolean',
        default: false,
        description:
          'Whether data is forced to the disk before it counts as stored. Needed to survive a power failure; the end of the process is survived without.',
      },
      max_size_mib: {
        type: 'integer',
        minimum: 1,
        maximum: 1_048_576,
        default: 1024,
        description: 'Most MiB that all queues in the directory take together; beyond it they refuse data.',
      },
      create_directory: { type: 'boolean', default: true, description: 'Whether a missing directory is created.' },
      directory_permissions: { type: 'string', pattern: '^0?[0-7]{3}$', default: '0750', description: 'Octal permissions of a directory that is created.' },
      recreate: {
        type: 'boolean',
        default: false,
        description: 'Accepted for configs of the Collector, without effect: damaged files never keep the daemon from starting.',
      },
      compaction: {
        type: 'object',
        additionalProperties: false,
        description: IGNORED,
        properties: {
          on_start: { type: 'boolean', default: false, description: IGNORED },
          on_rebound: { type: 'boolean', default: false, description: IGNORED },
          directory: { type: 'string', default: '', description: IGNORED },
          max_transaction_size: { type: 'integer', minimum: 0, default: 65_536, description: IGNORED },
          rebound_needed_threshold_mib: { type: 'integer', minimum: 0, default: 100, description: IGNORED },
          rebound_trigger_threshold_mib: { type: 'integer', minimum: 0, default: 10, description: IGNORED },
          check_interval: { type: 'string', format: 'duration', default: '5s', description: IGNORED },
          cleanup_on_start: { type: 'boolean', default: false, description: IGNORED },
        },
      },
    },
  },
  ({ timeout }): FieldProblem[] =>
    durationMs(timeout) < 0
      ? [{ path: ['timeout'], problem: 'negative', expected: 'a duration of 0s or more', found: timeout, hint: 'the default is 1s' }]
      : [],
)

export type FileStorageConfig = ConfigOf<typeof config>
