import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { runCli } from '../../cmd/meshscope/cli.ts'
import { registry } from '../../cmd/meshscope/components.ts'
import { EXIT } from '../../cmd/meshscope/exit_codes.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const ENV = { ELASTIC_API_KEY: 'key', OPENSEARCH_PASSWORD: 'password', HOSTNAME: 'node-1' }

/** Of those that take other signals than traces. */
const SIGNALS: Readonly<Record<string, readonly string[]>> = {
  Elasticsearch: ['logs', 'traces'],
  OpenSearch: ['logs', 'traces'],
  'Loki 3': ['logs'],
  'Amazon CloudWatch Logs': ['logs'],
}

interface Block {
  readonly exporters: Readonly<Record<string, object>>
  readonly extensions?: Readonly<Record<string, object>>
}

/** The blocks of a document, by the headings above them. */
function blocksOf(path: string): [string, Block][] {
  const sections = readFileSync(join(REPOSITORY, path), 'utf8').split(/^## /m)
  return sections.flatMap((section) =>
    [...section.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]): [string, Block] => [section.split('\n')[0] ?? '', parse(text ?? '') as Block]),
  )
}

const blocks = blocksOf('docs/backends.md')

test('docs/backends.md has a block for every backend', () => {
  const backends = ['Elasticsearch', 'OpenSearch', 'Loki 3', 'Jaeger 2', 'Tempo', 'Zipkin', 'AWS X-Ray', 'Amazon CloudWatch Logs']
  expect(blocks.map(([heading]) => heading)).toEqual(backends)
})

test.for(blocks)('the block of %s is good for the signals that its backend takes', async ([heading, { exporters, extensions = {} }]) => {
  const names = Object.keys(exporters)
  const signals = SIGNALS[heading] ?? ['traces']
  const config = {
    receivers: { otlp: { protocols: { grpc: {} } } },
    exporters,
    extensions,
    service: {
      extensions: Object.keys(extensions),
      pipelines: Object.fromEntries(signals.map((signal) => [signal, { receivers: ['otlp'], exporters: names }])),
    },
  }
  let said = ''
  const io = { out: (text: string) => void (said += text), err: (text: string) => void (said += text), env: ENV, hasColour: false }
  expect({ code: await runCli(['validate', '--config', `yaml:${stringify(config)}`], { registry, io }), said }).toMatchObject({ code: EXIT.ok })
  expect(names.length).toBe(1)
})
