import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { runCli } from '../../cmd/meshscope/cli.ts'
import { registry } from '../../cmd/meshscope/components.ts'
import { EXIT } from '../../cmd/meshscope/exit_codes.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const ENV = { ELASTIC_API_KEY: 'key', OPENSEARCH_PASSWORD: 'password' }

interface Block {
  readonly exporters: Readonly<Record<string, object>>
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
  expect(blocks.map(([heading]) => heading)).toEqual(['Elasticsearch', 'OpenSearch', 'Loki 3', 'Jaeger 2', 'Tempo', 'Zipkin', 'AWS X-Ray'])
})

test.for(blocks)('the block of %s is good for the signals that its backend takes', async ([heading, { exporters }]) => {
  const names = Object.keys(exporters)
  const signals = heading === 'Loki 3' ? ['logs'] : heading === 'Elasticsearch' || heading === 'OpenSearch' ? ['logs', 'traces'] : ['traces']
  const config = {
    receivers: { otlp: { protocols: { grpc: {} } } },
    exporters,
    service: { pipelines: Object.fromEntries(signals.map((signal) => [signal, { receivers: ['otlp'], exporters: names }])) },
  }
  let said = ''
  const io = { out: (text: string) => void (said += text), err: (text: string) => void (said += text), env: ENV, hasColour: false }
  expect({ code: await runCli(['validate', '--config', `yaml:${stringify(config)}`], { registry, io }), said }).toMatchObject({ code: EXIT.ok })
  expect(names.length).toBe(1)
})
