import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { FieldProblem } from '../../component/config_schema.ts'
import { endpointOf, type StatsdConfig, statsdConfig } from './config.ts'
import { statsdReceiver } from './factory.ts'

/** Problems of settings beside the defaults. */
function problemsOf(settings: object): readonly FieldProblem[] {
  const defaults = Object.fromEntries(
    Object.entries(statsdConfig.schema.properties).flatMap(([key, schema]) => (schema.default === undefined ? [] : [[key, schema.default]])),
  )
  return statsdConfig.check?.({ ...defaults, ...settings } as StatsdConfig) ?? []
}

describe('an endpoint', () => {
  test.for([
    { transport: 'udp', endpoint: '', where: 'localhost:8125' },
    { transport: 'tcp6', endpoint: ':9125', where: ':9125' },
    { transport: 'unixgram', endpoint: '', where: '/var/run/statsd-receiver.sock' },
  ] as const)('is the Collector’s unless the config says another: $transport', ({ transport, endpoint, where }) => {
    expect(endpointOf({ transport, endpoint })).toBe(where)
  })
})

test('good settings have no problems', () => {
  for (const good of [
    {},
    { endpoint: ':8125', dialect: 'dogstatsd' },
    { transport: 'unix', endpoint: '/run/a.sock', socket_permissions: '666' },
    {
      timer_histogram_mapping: [
        { statsd_type: 'timer', observer_type: 'histogram', histogram: { explicit_buckets: [{ matcher_pattern: '^a', buckets: [1, 2] }] } },
      ],
    },
    { mapping: { defaults: { observer_type: 'histogram' }, mappings: [{ match: 'a.*', name: 'b', labels: { x1: '$1' } }] } },
  ])
    expect(problemsOf(good)).toEqual([])
})

test.for([
  { name: 'an endpoint without a port', settings: { endpoint: 'localhost' }, path: 'endpoint', problem: /not an address/ },
  { name: 'a path for udp', settings: { endpoint: '/run/a.sock' }, path: 'endpoint', problem: /not an address/ },
  { name: 'an address for a unix socket', settings: { transport: 'unixgram', endpoint: 'localhost:8125' }, path: 'endpoint', problem: /not a path/ },
  { name: 'a debug endpoint that is none', settings: { debug_endpoint: 'x' }, path: 'debug_endpoint', problem: /not an address/ },
  { name: 'two mappings', settings: { mapping: {}, mapping_file: '/no/such/mapping.yml' }, path: 'mapping', problem: /given twice/ },
  { name: 'a bad glob', settings: { mapping: { mappings: [{ match: 'a..b', name: 'c' }] } }, path: 'mapping.mappings.0.match', problem: /./ },
  { name: 'a bad mode', settings: { socket_permissions: '999' }, path: 'socket_permissions', problem: /not a file mode/ },
  {
    name: 'bounds that do not ascend',
    settings: {
      timer_histogram_mapping: [
        { statsd_type: 'timer', observer_type: 'histogram', histogram: { explicit_buckets: [{ matcher_pattern: 'a', buckets: [1, 1] }] } },
      ],
    },
    path: 'timer_histogram_mapping.0.histogram.explicit_buckets.0.buckets.1',
    problem: /do not ascend/,
  },
])('says what is wrong with $name', ({ settings, path, problem }) => {
  const problems = problemsOf(settings).filter((one) => one.path.join('.') === path)
  expect(problems).toHaveLength(1)
  expect(problems[0]?.problem).toMatch(problem)
})

describe('a mapping file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-statsd-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  test('that is good has no problems', () => {
    expect(problemsOf({ mapping_file: file('good.yml', 'mappings:\n- match: a.*\n  name: b\n') })).toEqual([])
  })

  test('is checked with the config, every problem with its place in the file', () => {
    const path = file('bad.yml', 'mappings:\n- match: a.*\n  name: b\n- match: c..d\n  name: e\n- match: f.*\n  nam: g\n')
    const problems = problemsOf({ mapping_file: path })
    expect(problems.map(({ path: setting, place }) => `${place?.line}:${place?.column} ${setting.join('.')}`)).toEqual([
      '4:10 mapping_file.mappings.1.match',
      '6:3 mapping_file.mappings.2.name',
      '7:3 mapping_file.mappings.2.nam',
    ])
    expect(new Set(problems.map(({ place }) => place?.file))).toEqual(new Set([path]))
  })

  test('with weak spots is good, with warnings at their places', () => {
    const path = file('weak.yml', 'mappings:\n- match: a.*\n  name: b\n- match: a.b\n  name: c_$1\n')
    expect(problemsOf({ mapping_file: path }).map(({ place, problem, isWarning }) => [place?.line, problem, isWarning])).toEqual([
      [4, 'rule is never reached', true],
      [5, 'reference to nothing', true],
    ])
    const inline = {
      mapping: {
        mappings: [
          { match: 'a.*', name: 'b' },
          { match: 'a.b', name: 'c' },
        ],
      },
    }
    expect(problemsOf(inline)).toEqual([
      {
        path: ['mapping', 'mappings', 1, 'match'],
        problem: 'rule is never reached',
        found: '"a.b"',
        hint: 'rule 1 takes all that it fits; put the narrower rule first',
        isWarning: true,
      },
    ])
  })

  test.for([
    { name: 'is not there', path: join(folder, 'none.yml'), problem: 'file not found' },
    { name: 'is a folder', path: folder, problem: 'not a file' },
    { name: 'is below a file', path: join(file('plain', ''), 'x.yml'), problem: 'cannot read file' },
  ])('that $name is a problem of the setting', ({ path, problem }) => {
    expect(problemsOf({ mapping_file: path })).toMatchObject([{ path: ['mapping_file'], problem }])
  })
})

test('listens where the config says, the debug page on the main thread', () => {
  const config = { transport: 'tcp4', endpoint: '', debug_endpoint: 'localhost:1' } as StatsdConfig
  expect(statsdReceiver.listens?.(config)).toEqual([
    { network: 'tcp', address: 'localhost:8125', path: ['endpoint'] },
    { network: 'tcp', address: 'localhost:1', path: ['debug_endpoint'], half: 'main' },
  ])
})
