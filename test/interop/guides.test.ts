/** Guides for those who come from other programs leave nothing out that the program itself lists. */
import { expect, test } from 'vitest'
import { readPage } from '../conformance/user_docs.ts'
import { run } from './child.ts'
import { startStatsdExporter } from './statsd/exporter.ts'
import { suite } from './suite.ts'

suite('the guide from statsd_exporter', ['statsd_exporter'], ({ statsd_exporter: binary }) => {
  const page = readPage('docs/from-statsd_exporter.md')

  test('has every flag', async () => {
    const { output } = await run({ name: 'statsd_exporter', file: binary, args: ['--help'] }, 10_000)
    const flags = [...output.matchAll(/^ +(?:-\w, )?--(?:\[no-\])?([\w.-]+)/gm)].map(([, flag]) => `--${flag}`).filter((flag) => !flag.startsWith('--help'))
    expect(flags.filter((flag) => !page.includes(`\`${flag}`))).toEqual([])
    expect(flags.length).toBeGreaterThan(20)
  })

  test('has every metric that it exposes of itself', async () => {
    const exporter = await startStatsdExporter(binary, 'mappings: []')
    const text = await exporter.scrape()
    await exporter.stop()
    const names = [...text.matchAll(/^# TYPE (statsd_\w+) /gm)].map(([, name]) => name ?? '')
    expect(names.filter((name) => !page.includes(`\`${name}`))).toEqual([])
    expect(names.length).toBeGreaterThan(10)
  })
})

suite('the guide from the OpenTelemetry Collector', ['otelcol'], ({ otelcol: binary }) => {
  test('has every component of the one that is built for tests', async () => {
    const page = readPage('docs/from-otel-collector.md')
    const { output } = await run({ name: 'otelcol', file: binary, args: ['components'] }, 30_000)
    const names = [...output.slice(0, output.indexOf('\nproviders:')).matchAll(/^ +- name: (\w+)$/gm)].map(([, name]) => name ?? '')
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
    expect(names.length).toBeGreaterThan(20)
  })
})
