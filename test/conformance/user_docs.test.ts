import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runCli } from '../../cmd/meshscope/cli.ts'
import { registry } from '../../cmd/meshscope/components.ts'
import { EXIT } from '../../cmd/meshscope/exit_codes.ts'
import { meshMetrics, ownMetrics } from './metric_catalogue.ts'
import { readRules } from './rule_files.ts'
import { blocksOf, commandLinesOf, deadLinksOf, deadPathsOf, kindOf, npmRunsOf, PAGES, proseOf, readPage, unknownValues } from './user_docs.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
/** What the configs of the pages take from the environment. */
const ENV = {
  K8S_NODE_NAME: 'worker-1',
  NODE_NAME: 'worker-1',
  K8S_POD_NAME: 'meshscope-x',
  AWS_REGION: 'eu-west-1',
  OTLP_TOKEN: 'token',
  ELASTIC_API_KEY: 'key',
  OPENSEARCH_PASSWORD: 'password',
}
/** Names that others gave or give to their metrics, which the pages mention. */
const FOREIGN = ['istio_request_duration_seconds']
/** Parts of a config are checked on top of this one. */
const BASE = join(REPOSITORY, 'deploy/examples/otlp.yaml')

const blocks = PAGES.flatMap(blocksOf).filter(({ language }) => language === 'yaml')
const configs = blocks.map((block) => ({ ...block, kind: kindOf(block.text) }))

async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  let said = ''
  const io = { out: (text: string) => void (said += text), err: (text: string) => void (said += text), env: ENV, hasColour: false }
  return { code: await runCli(args, { registry, io }), said }
}

/** Problems and warnings of a config that stands in a page, one line each; not those of files that are on the reader's machine only. */
async function problemsOf(...sources: readonly string[]): Promise<readonly string[]> {
  const { code, said } = await run('validate', ...sources)
  expect([EXIT.ok, EXIT.config]).toContain(code)
  return said.split('\n').filter((line) => /^yaml:.*: /.test(line) && !/: (?:file not found|cannot read the naming rules)$/.test(line))
}

describe('blocks of YAML', () => {
  test.for(configs.filter(({ kind }) => kind === 'whole').map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s is a good config',
    async ([, { text }]) => {
      expect(await problemsOf('--config', `yaml:${text}`)).toEqual([])
    },
  )

  test.for(configs.filter(({ kind }) => kind === 'part').map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s is a good part of a config',
    async ([, { text }]) => {
      const problems = await problemsOf('--config', BASE, '--config', `yaml:${text}`)
      // A part may bring what its reader lists or puts into a pipeline.
      expect(problems.filter((line) => !/ {2}warning: | does not run$/.test(line))).toEqual([])
    },
  )

  test.for(configs.filter(({ kind }) => kind === 'values').map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s has values that the chart has',
    ([, { text }]) => {
      expect(unknownValues(text)).toEqual([])
    },
  )

  test('most are of ours', () => {
    expect(configs.filter(({ kind }) => kind === 'whole').length).toBeGreaterThan(5)
    expect(configs.filter(({ kind }) => kind === 'values').length).toBeGreaterThan(2)
  })
})

describe.for(PAGES)('%s', (page) => {
  test('has links and paths that lead somewhere', () => {
    expect([...deadLinksOf(page), ...deadPathsOf(page)]).toEqual([])
  })

  test('runs scripts and benchmarks that exist', () => {
    const { scripts } = JSON.parse(readPage('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
    for (const { script, benchmark } of npmRunsOf(page)) {
      expect(Object.keys(scripts)).toContain(script)
      if (benchmark !== undefined) expect(existsSync(join(REPOSITORY, 'bench', `${benchmark}.ts`)), benchmark).toBe(true)
    }
  })

  test('calls commands and flags that exist', async () => {
    for (const line of commandLinesOf(page)) {
      const words = line.split(/\s+/)
      const command = words.slice(0, ['statsd', 'emf'].includes(words[0] ?? '') ? 2 : 1).filter((word) => !word.startsWith('-'))
      const { code, said } = await run(...command, '--help')
      expect({ line, code }).toEqual({ line, code: EXIT.ok })
      for (const flag of words.flatMap((word) => /^\[?(--[a-z][a-z-]*)/.exec(word)?.[1] ?? [])) expect(said, line).toContain(flag)
    }
  })

  test('names metrics that exist', async () => {
    const known = new Set([...FOREIGN, ...(await ownMetrics()).keys(), ...meshMetrics().keys(), ...readRules().flatMap(({ record }) => record ?? [])])
    // Histograms without the ending of a series, and prefixes with a star or dots behind them, are ways to speak of them.
    const named = [...proseOf(page).matchAll(/\b((?:meshscope|otelcol|istio|traces_service_graph)_[a-z0-9_]+)(?!\w|\.\w)/g)].map(([, name]) => name ?? '')
    const unknown = named.filter((name) => !known.has(name) && !known.has(`${name}_bucket`) && !name.endsWith('_'))
    expect([...new Set(unknown)]).toEqual([])
  })
})

test('docs/troubleshooting.md names a metric in every section', () => {
  const sections = readPage('docs/troubleshooting.md').split(/^## /m).slice(1)
  expect(sections.filter((section) => !/Shows in .*`(?:meshscope|otelcol|istio)_/s.test(section)).map((section) => section.split('\n')[0])).toEqual([])
  expect(sections.length).toBeGreaterThan(10)
})

describe('what finds faults in pages', () => {
  test.for([
    { text: 'receivers: {}\nexporters: {}\nservice: { pipelines: { logs: {} } }', kind: 'whole' },
    { text: 'service: { pipelines: { logs: {} } }', kind: 'part' },
    { text: 'receivers: { otlp: {} }', kind: 'part' },
    { text: 'presets: { als: { enabled: true } }', kind: 'values' },
    { text: 'extensionProviders: []', kind: 'other' },
    { text: 'receivers: {}\n---\nexporters: {}', kind: 'other' },
  ])('tells $text as $kind', ({ text, kind }) => {
    expect(kindOf(text)).toBe(kind)
  })

  test('finds a value that the chart does not have, and lets labels be', () => {
    expect(unknownValues('presets: { als: { enable: true } }\npodMonitor: { labels: { any: thing } }')).toEqual(['presets.als.enable'])
  })

  test('finds a misspelt setting in a part of a config, and an unset variable in a whole one', async () => {
    expect(await problemsOf('--config', BASE, '--config', 'yaml:receivers: { envoyals: { endpiont: x } }')).toHaveLength(1)
    const whole =
      'receivers: { otlp: { protocols: { grpc: } } }\nexporters: { debug: { verbosity: "${env:NOWHERE}" } }\nservice: { pipelines: { logs: { receivers: [otlp], exporters: [debug] } } }'
    expect(await problemsOf('--config', `yaml:${whole}`)).not.toEqual([])
  })
})
