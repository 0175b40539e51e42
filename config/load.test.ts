import { readdirSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { configTestRegistry } from '../test/fakes/config_factories.ts'
import { type LoadResult, loadConfig } from './load.ts'
import { printableConfig } from './printable.ts'
import { formatProblem } from './problem.ts'

const TESTDATA = new URL('testdata/', import.meta.url)

const ENV = {
  HOST: 'localhost',
  PORT: '8125',
  BYTES: '100',
  INTERVAL: '5s',
  ZIP: '0123',
  ZIP_TEXT: 'zip 0123',
  NAME_OF: 'ZIP',
  EMPTY: '',
  MAPPINGS: '[{match: ^a, name: "${env:HOST}"}]',
  BAD_MAPPINGS: '[{match: a, nam: b}]',
  CIRCLE: '${env:CIRCLE2}',
  CIRCLE2: 'x${env:CIRCLE}',
  DOLLAR: 'a$b',
  SECRET: 'short',
}

/** Loads from texts by file name; a name that is not among them does not exist. */
function load(files: Readonly<Record<string, string>>, overrides: readonly string[] = [], env: Readonly<Record<string, string>> = ENV): LoadResult {
  return loadSources(
    Object.keys(files).filter((name) => !name.startsWith('included')),
    files,
    overrides,
    env,
  )
}

function loadSources(
  sources: readonly string[],
  files: Readonly<Record<string, string>>,
  overrides: readonly string[] = [],
  env: Readonly<Record<string, string>> = ENV,
): LoadResult {
  const readFile = (path: string): string => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' })
    return text
  }
  return loadConfig({ sources, overrides, env, registry: configTestRegistry, readFile })
}

function lines({ problems, warnings }: LoadResult): string {
  return [...problems.map((problem) => formatProblem(problem)), ...warnings.map((warning) => formatProblem(warning, { isWarning: true }))].join('\n')
}

const GOOD = `receivers: {statsd: }
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [statsd], exporters: [debug]}}}
`

describe('files', () => {
  const names = (folder: string): string[] => readdirSync(new URL(folder, TESTDATA)).filter((name) => name.endsWith('.yaml'))
  const loadFile = (folder: string, name: string): LoadResult => load({ [name]: readFileSync(new URL(`${folder}${name}`, TESTDATA), 'utf8') })

  test.for(names('good/'))('%s is accepted', async (name) => {
    const result = loadFile('good/', name)
    expect(result.problems).toEqual([])
    const printed = result.config === undefined ? '' : JSON.stringify(printableConfig(result.config), null, 2)
    await expect(`${printed}\n${lines(result)}\n`).toMatchFileSnapshot(new URL(`good/${name.replace('.yaml', '.txt')}`, TESTDATA).pathname)
  })

  test.for(names('bad/'))('%s is refused with all its problems', async (name) => {
    const result = loadFile('bad/', name)
    expect(result.problems.length).toBeGreaterThan(0)
    expect(result.spec).toBeUndefined()
    await expect(`${lines(result)}\n`).toMatchFileSnapshot(new URL(`bad/${name.replace('.yaml', '.txt')}`, TESTDATA).pathname)
  })

  test.for(names('good/'))('%s can be loaded again after it was printed', (name) => {
    const { config, spec } = loadFile('good/', name)
    const printed = config === undefined ? '' : JSON.stringify(printableConfig(config, { isUnredacted: true }))
    expect(load({ 'printed.yaml': printed }).spec).toEqual(spec)
  })
})

describe('the spec', () => {
  test('has canonical ids, addresses, defaults and only what is used', () => {
    const { spec } = load({ 'a.yaml': readFileSync(new URL('good/unused_and_old_names.yaml', TESTDATA), 'utf8') })
    expect(Object.keys(spec?.receivers ?? {})).toEqual(['statsd'])
    expect(spec?.processors).toEqual({})
    expect(spec?.extensions).toEqual([])
    expect(spec?.exporters['otlp_grpc/x']).toEqual({
      id: { kind: 'exporter', type: 'otlp_grpc', name: 'x', text: 'otlp_grpc/x' },
      address: 'exporters.otlp_grpc/x',
      config: { endpoint: 'a', headers: {}, labels: {} },
    })
    expect(spec?.pipelines).toEqual([{ id: 'metrics', signal: 'metrics', receivers: ['statsd'], processors: [], exporters: ['otlp_grpc/x'] }])
    expect(spec?.service).toEqual({
      telemetry: { logs: { level: 'info', encoding: 'console' }, metrics: { level: 'normal', address: 'localhost:8888' }, resource: {} },
      workers: { threads: 'auto', heap_mib_max: 0 },
      drain_timeout: '30s',
    })
  })

  test('has what is inserted to turn access logs into records, as it is configured, where a pipeline needs it', () => {
    const specOf = (name: string) => load({ 'a.yaml': readFileSync(new URL(`good/${name}.yaml`, TESTDATA), 'utf8') }).spec
    const common = { id: { kind: 'processor', type: 'access_log_records', name: '', text: 'access_log_records' }, address: 'processors.access_log_records' }
    expect(specOf('access_logs_as_records')?.crossing).toEqual({ ...common, config: { body: 'none' } })
    expect(specOf('access_logs_as_records')?.processors).not.toHaveProperty('access_log_records')
    expect(specOf('access_logs_as_records_configured')?.crossing).toEqual({ ...common, config: { body: 'json' } })
    expect(specOf('mesh')).not.toHaveProperty('crossing')
  })

  test('is plain data', () => {
    const { spec } = load({ 'a.yaml': GOOD })
    expect(structuredClone(spec)).toEqual(spec)
  })
})

describe('several sources', () => {
  test('merge maps, replace lists, and let a null erase what was there', () => {
    const { spec, problems } = load({
      'base.yaml': `${GOOD}processors: {k8s_attributes: {auth_type: kubeConfig, passthrough: true}}\n`,
      'over.yaml': `receivers: {statsd: {packet_bytes_max: 10}, statsd/b: {endpoint: "localhost:1"}}
processors: {k8s_attributes: {auth_type: serviceAccount}}
service: {workers: {threads: 0}, pipelines: {metrics: {receivers: [statsd/b], processors: [k8s_attributes]}}}`,
      'last.yaml': 'receivers: {statsd: , statsd/b: {transport: tcp}}',
    })
    expect(problems).toEqual([])
    expect(spec?.receivers['statsd/b']?.config).toMatchObject({ endpoint: 'localhost:1', transport: 'tcp' })
    expect(spec?.processors['k8s_attributes']?.config).toMatchObject({ auth_type: 'serviceAccount', passthrough: true })
    expect(spec?.pipelines[0]).toMatchObject({ receivers: ['statsd/b'], exporters: ['debug'] })
  })

  test('erase a whole section with a null', () => {
    const result = load({ 'base.yaml': GOOD, 'over.yaml': 'receivers:\n' })
    expect(lines(result)).toContain('base.yaml:3:45  service.pipelines.metrics.receivers[0]: receiver or connector is not defined')
  })

  test('report problems of all of them, each at its own place, in the order of the sources', () => {
    const result = load({
      'a.yaml': 'receivers: {statsd: {transport: x, packet_bytes_max: 5}}\n',
      'b.yaml': `exporters: {debug: {verbosity: 1}}\n`,
      'c.yaml': 'receivers:\n  statsd: {packet_bytes_max: 0}\nservice: 5',
    })
    expect(result.problems.map((problem) => formatProblem(problem).split('\n')[0])).toEqual([
      'a.yaml:1:33  receivers.statsd.transport: unknown value',
      'b.yaml:1:32  exporters.debug.verbosity: wrong type',
      'c.yaml:2:30  receivers.statsd.packet_bytes_max: too small',
      'c.yaml:3:10  service: wrong type',
    ])
  })

  test('leave a section at the place where it was opened', () => {
    const result = load({ 'a.yaml': `${GOOD}processors: {batch: {timeout: 1s}}\n`, 'b.yaml': 'processors: {batch: {timeout: 2s}}' }, [
      'processors.batch.send_batch_size=5',
    ])
    expect(lines(result)).toBe('a.yaml:4:14  warning: processors.batch: not used in any pipeline; it will not run')
  })

  test('may be paths, variables and text', () => {
    const env = { CONFIG: 'exporters:\n  debug: {verbosity: detailed}\nservice: {pipelines: {metrics: {exporters: [debug]}}}' }
    const sources = ['file:a.yaml', 'env:CONFIG', 'yaml:service::pipelines::metrics::receivers: [statsd]']
    const { spec, problems, files } = loadSources(sources, { 'a.yaml': 'receivers: {statsd: }' }, [], env)
    expect(problems).toEqual([])
    expect(spec?.exporters['debug']?.config).toEqual({ verbosity: 'detailed' })
    expect(files).toEqual(['a.yaml'])
  })

  test('are named in problems after what they are', () => {
    const sources = ['env:CONFIG', 'yaml:exporters::debug::verbosity: loud']
    const result = loadSources(sources, {}, ['exporters.debug.sampling=1'], { CONFIG: 'receivers:\n  statsd: {transport: x}\nservice: 1' })
    expect(result.problems.map((problem) => formatProblem(problem).split('\n')[0])).toEqual([
      'env:CONFIG:2:23  receivers.statsd.transport: unknown value',
      'env:CONFIG:3:10  service: wrong type',
      'yaml:exporters::debug::verbosity: loud  exporters.debug.verbosity: unknown value',
      '--set exporters.debug.sampling  exporters.debug.sampling: unknown setting',
    ])
  })

  test('that cannot be read are problems, all of them', () => {
    const result = loadSources(['absent.yaml', 'env:ABSENT', 'http://x/y', 'yaml:', 'C:foo'], {})
    expect(result.problems.map((problem) => formatProblem(problem).split('\n')[0])).toEqual([
      'absent.yaml  file not found',
      'env:ABSENT  environment variable is not set',
      '--config http://x/y  unknown kind of source',
      'yaml:  empty config',
      'C:foo  file not found',
    ])
    expect(result.files).toEqual(['absent.yaml', 'C:foo'])
  })

  test('that are empty only matter when all are', () => {
    const result = load({ 'empty.yaml': '# nothing yet\n', 'a.yaml': GOOD })
    expect(result.problems).toEqual([])
    expect(lines(result)).toBe('empty.yaml:1:1  warning: empty config; nothing is taken from it')
  })
})

describe('--set', () => {
  test.for([
    { set: 'receivers.statsd.packet_bytes_max=9', expected: { packet_bytes_max: 9 } },
    { set: 'receivers.statsd.endpoint=localhost:7', expected: { endpoint: 'localhost:7' } },
    { set: 'receivers::statsd::transport=tcp', expected: { transport: 'tcp' } },
    { set: 'receivers.statsd.mappings=[{match: a, name: b}]', expected: { mappings: [{ match: 'a', name: 'b', weight: 1 }] } },
    { set: 'receivers.statsd.endpoint=${env:HOST}:1', expected: { endpoint: 'localhost:1' } },
    { set: 'receivers.statsd.endpoint=', expected: { endpoint: 'localhost:8125' } },
  ])('$set is applied last', ({ set, expected }) => {
    const { spec, problems } = load({ 'a.yaml': GOOD, 'b.yaml': 'receivers: {statsd: {packet_bytes_max: 1}}' }, [set])
    expect(problems).toEqual([])
    expect(spec?.receivers['statsd']?.config).toMatchObject(expected)
  })

  test.for(['receivers.statsd', '=x', 'a..b=c', '.a=b'])('%s is refused', (set) => {
    const result = load({ 'a.yaml': GOOD }, [set])
    expect(lines(result)).toContain(`--set ${set.split('=')[0]}  not an override\n  expected  key=value, such as`)
  })
})

describe('substitution', () => {
  test('brings in maps from files, with their own places', () => {
    const result = load({
      'a.yaml': 'receivers:\n  statsd: ${file:included.yaml}\nexporters: {debug: }\nservice: 1',
      'included.yaml': 'transport: udp\npacket_bytes_max: 0\n',
    })
    expect(result.problems.map((problem) => formatProblem(problem).split('\n')[0])).toEqual([
      'a.yaml:4:10  service: wrong type',
      'included.yaml:2:19  receivers.statsd.packet_bytes_max: too small',
    ])
    expect(result.files).toEqual(['a.yaml', 'included.yaml'])
  })

  test('takes the text of a file without its last line break', () => {
    const { spec, problems } = load({
      'a.yaml': GOOD.replaceAll('debug', 'otlp').replace('otlp: }', 'otlp: {endpoint: "${file:included_host}", token: "x${file:included_pem}"}}'),
      included_host: 'host:1\n',
      included_pem: '-----BEGIN\nabc\n-----END\n',
    })
    expect(problems).toEqual([])
    expect(spec?.exporters['otlp_grpc']?.config).toMatchObject({ endpoint: 'host:1', token: 'x-----BEGIN\nabc\n-----END' })
  })

  test('keeps the text of a value for settings that are text, and its type for others', () => {
    const labels = (env: Readonly<Record<string, string>>): unknown => {
      const text = GOOD.replaceAll('debug', 'otlp').replace('otlp: }', 'otlp: {endpoint: a, labels: {a: "${env:A}"}}}')
      return (load({ 'a.yaml': text }, [], env).spec?.exporters['otlp_grpc']?.config as { labels?: unknown } | undefined)?.labels
    }
    for (const text of ['0123', 'true', '1e3', '', '~', '"quoted"', 'a: b', '[1, 2]', '{', ' x ', 'a # b']) expect(labels({ A: text })).toEqual({ a: text })
  })

  test('says where a value came from when it is wrong', () => {
    const result = load({ 'a.yaml': GOOD.replace('statsd: }', 'statsd: {packet_bytes_max: "${env:ZIP_TEXT}"}}') })
    expect(lines(result)).toContain(
      'a.yaml:1:40  receivers.statsd.packet_bytes_max: wrong type\n  expected  an integer from 1 to 65507\n  found     "zip 0123" (text), from env:ZIP_TEXT',
    )
  })

  test('stops when variables double each other', () => {
    const env = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`V${i}`, `\${V${i + 1}}\${V${i + 1}}`]))
    const result = load({ 'a.yaml': GOOD.replace('statsd: }', 'statsd: {endpoint: "${V0}"}}') }, [], env)
    expect(lines(result)).toContain('a.yaml:1:32  receivers.statsd.endpoint: substitution too large')
  })

  test('does not look into what the environment object inherits', () => {
    const result = load({ 'a.yaml': GOOD.replace('statsd: }', 'statsd: {endpoint: "${env:constructor:-localhost:1}"}}') })
    expect(result.spec?.receivers['statsd']?.config).toMatchObject({ endpoint: 'localhost:1' })
  })
})

describe('hostile input', () => {
  test('never throws on any text', () => {
    const word = fc.constantFrom(
      'receivers',
      'service',
      'pipelines',
      'statsd',
      'debug',
      'exporters',
      ':',
      '::',
      '- ',
      '\n',
      '\n  ',
      '{',
      '}',
      '[',
      ']',
      '${',
      'env:HOST',
      ':-',
      '$',
      '&a ',
      '*a',
      '<<: ',
      '"',
      "'",
      '|\n',
      '? ',
      '!!binary ',
      '#',
      '\t',
      '5',
      'null',
      '--- ',
      '%YAML',
      ',',
    )
    const soup = fc
      .array(fc.oneof({ weight: 8, arbitrary: word }, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 40 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(soup, (text) => {
        const result = load({ 'a.yaml': text })
        expect(result.spec === undefined).toBe(result.problems.length > 0)
        for (const problem of result.problems) expect(problem.origin.source).not.toBe('')
      }),
      { numRuns: 2000 },
    )
  })

  test('never throws on any value of any setting', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.constantFrom('receivers.statsd', 'receivers', 'service', 'service.pipelines', 'service.telemetry', 'exporters.debug'),
        (json, path) => {
          const result = load({ 'a.yaml': GOOD }, [`${path}=${json}`])
          expect(result.spec === undefined).toBe(result.problems.length > 0)
        },
      ),
      { numRuns: 500 },
    )
  })

  test.for([
    {
      name: 'aliases that multiply',
      text: `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
        .split('')
        .map((key, i) => `${key}: &${key} [${Array(10).fill(`*${'abcdefg'[i]}`).join(',')}]`)
        .join('\n')}`,
      problem: 'config too large',
    },
    { name: 'an alias inside itself', text: 'a: &a [*a]', problem: 'alias that contains itself' },
    { name: 'deep nesting', text: '['.repeat(5000), problem: 'not valid YAML' },
    { name: 'deep maps', text: Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), problem: 'config too large' },
  ])('refuses $name', ({ text, problem }) => {
    expect(load({ 'a.yaml': text }).problems.map((found) => found.problem)).toContain(problem)
  })
})
