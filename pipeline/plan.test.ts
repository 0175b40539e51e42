import { describe, expect, test } from 'vitest'
import { defineReceiver } from '../component/factory.ts'
import type { Registry } from '../component/spec.ts'
import { fakeCountedLines, fakeRegistry, fakeStamp } from '../test/fakes/components.ts'
import { type GraphSketch, graphSpec } from '../test/fakes/graph_spec.ts'
import { FactoryTable, type GraphPlan, listensOf, type PlanNode, planGraph, type SidePlan } from './plan.ts'

const registry: Registry = { factories: [...fakeRegistry.factories, { ...fakeStamp, type: 'fake_main_stamp', runs: 'main' }] }
const plan = (sketch: GraphSketch): GraphPlan => planGraph(graphSpec(sketch, registry), registry)
const short = (key: string): string => key.replace(/#[0-9a-f]{16}/, '')
const wires = ({ nodes }: SidePlan): string[] =>
  nodes.map(({ key, outputs }) => {
    const ends = Object.values(outputs).flatMap((inputs) => inputs.map((input) => `${input.side === 'main' ? 'main ' : ''}${short(input.key)}`))
    return ends.length === 0 ? short(key) : `${short(key)} -> ${ends.join(', ')}`
  })

const base: GraphSketch = {
  receivers: { fake_lines: {}, fake_main_lines: {} },
  processors: { 'fake_stamp/a': {}, 'fake_stamp/b': {} },
  connectors: { fake_count: {} },
  exporters: { fake_collect: {} },
  pipelines: [
    ['logs', ['fake_lines'], ['fake_stamp/a', 'fake_stamp/b'], ['fake_count']],
    ['metrics', ['fake_count'], [], ['fake_collect']],
  ],
  threads: 2,
}

test('what ingest receivers feed is on the ingest side, up to the ingest halves', () => {
  const { ingest, main } = plan(base)
  expect(wires(ingest)).toEqual([
    'receivers.fake_lines -> processors.fake_stamp/a@logs',
    'processors.fake_stamp/a@logs -> processors.fake_stamp/b@logs',
    'processors.fake_stamp/b@logs -> connectors.fake_count/logs',
    'connectors.fake_count/logs',
  ])
  expect(wires(main)).toEqual(['connectors.fake_count -> exporters.fake_collect', 'exporters.fake_collect'])
  expect(ingest.nodes.at(-1)?.mainKey).toBe(main.nodes[0]?.key)
})

test('a receiver with two halves listens on the ingest side and feeds pipelines on the main thread', () => {
  const { ingest, main } = plan({
    ...base,
    receivers: { fake_counted_lines: {} },
    connectors: {},
    pipelines: [
      ['metrics/a', ['fake_counted_lines'], [], ['fake_collect']],
      ['metrics/b', ['fake_counted_lines'], [], ['fake_collect']],
    ],
  })
  expect(wires(ingest)).toEqual(['receivers.fake_counted_lines/ingest'])
  expect(wires(main)).toEqual(['receivers.fake_counted_lines -> exporters.fake_collect, exporters.fake_collect', 'exporters.fake_collect'])
  expect(ingest.nodes[0]).toMatchObject({ kind: 'receiver', half: 'ingest', mainKey: main.nodes[0]?.key })
})

test('a receiver with two halves listens in the half that says so', () => {
  const factories: Registry = {
    factories: registry.factories.map((factory) =>
      factory.type !== 'fake_counted_lines'
        ? factory
        : defineReceiver({
            ...fakeCountedLines,
            listens: () => [
              { network: 'udp', address: '127.0.0.1:1', path: [] },
              { network: 'tcp', address: '127.0.0.1:2', path: [], half: 'main' },
            ],
          }),
    ),
  }
  const { ingest, main } = plan({
    receivers: { fake_counted_lines: {} },
    exporters: base.exporters ?? {},
    pipelines: [['metrics', ['fake_counted_lines'], [], ['fake_collect']]],
  })
  const table = new FactoryTable(factories)
  expect(listensOf(ingest.nodes[0] as PlanNode, table).map(({ address }) => address)).toEqual(['127.0.0.1:1'])
  expect(listensOf(main.nodes[0] as PlanNode, table).map(({ address }) => address)).toEqual(['127.0.0.1:2'])
})

test('a pipeline that both kinds of receivers feed is on both sides', () => {
  const { ingest, main } = plan({
    ...base,
    exporters: { fake_main_sink: {}, fake_collect: {} },
    pipelines: [
      ['logs', ['fake_lines', 'fake_main_lines'], ['fake_stamp/a'], ['fake_main_sink', 'fake_count']],
      ['metrics', ['fake_count'], [], ['fake_collect']],
    ],
    threads: 0,
  })
  expect(wires(ingest)).toEqual([
    'receivers.fake_lines -> processors.fake_stamp/a@logs',
    'processors.fake_stamp/a@logs -> main exporters.fake_main_sink, connectors.fake_count/logs',
    'connectors.fake_count/logs',
  ])
  expect(wires(main)).toContain('processors.fake_stamp/a@logs -> exporters.fake_main_sink, connectors.fake_count')
})

test('one exporter of two pipelines is one instance, a processor of two pipelines two', () => {
  const { ingest } = plan({
    ...base,
    pipelines: [
      ['logs/1', ['fake_lines'], ['fake_stamp/a'], ['fake_count']],
      ['logs/2', ['fake_lines'], ['fake_stamp/a'], ['fake_count']],
      ['metrics', ['fake_count'], [], ['fake_collect']],
    ],
  })
  expect(ingest.nodes.filter(({ kind }) => kind === 'processor').map(({ pipeline }) => pipeline)).toEqual(['logs/1', 'logs/2'])
  expect(ingest.nodes.filter(({ kind }) => kind === 'connector')).toHaveLength(1)
  expect(wires(ingest)[0]).toBe('receivers.fake_lines -> processors.fake_stamp/a@logs/1, processors.fake_stamp/a@logs/2')
})

test('two pipelines that lead to one exporter bring it their data each', () => {
  const { ingest } = plan({
    ...base,
    pipelines: [
      ['logs/1', ['fake_lines'], [], ['fake_count']],
      ['logs/2', ['fake_lines'], [], ['fake_count']],
      ['metrics', ['fake_count'], [], ['fake_collect']],
    ],
  })
  expect(wires(ingest)[0]).toBe('receivers.fake_lines -> connectors.fake_count/logs, connectors.fake_count/logs')
})

describe('keys', () => {
  const keys = (sketch: GraphSketch): string[] => [...plan(sketch).ingest.nodes, ...plan(sketch).main.nodes].map(({ key }) => key)

  test('are equal for equal configs in another order, and when only wires change', () => {
    const ordered = keys({ ...base, receivers: { fake_lines: { endpoint: 'x:1', note: 'n' } } })
    expect(keys({ ...base, receivers: { fake_lines: { note: 'n', endpoint: 'x:1' } } })).toEqual(ordered)
    const rewired = keys({
      ...base,
      pipelines: [['logs', ['fake_lines'], ['fake_stamp/b'], ['fake_count']], base.pipelines[1] as GraphSketch['pipelines'][number]],
    })
    expect(keys(base)).toEqual(expect.arrayContaining(rewired))
  })

  test('change with the config of the component, and of no other', () => {
    const before = new Set(keys(base))
    const changed = keys({ ...base, processors: { 'fake_stamp/a': { stamp: 9 }, 'fake_stamp/b': {} } })
    expect(changed.filter((key) => !before.has(key)).map(short)).toEqual(['processors.fake_stamp/a@logs'])
  })

  test('do not show configs, which may hold secrets', () => {
    expect(keys({ ...base, receivers: { fake_lines: { note: 'hunter2' } } }).join(' ')).not.toContain('hunter2')
  })
})

test('all that cannot run in ingest workers is told at once', () => {
  const sketch: GraphSketch = {
    ...base,
    processors: { fake_main_stamp: {} },
    exporters: { fake_main_sink: {} },
    pipelines: [['logs', ['fake_lines'], ['fake_main_stamp'], ['fake_main_sink']]],
  }
  expect(() => plan(sketch)).toThrow(
    [
      'exporters.fake_main_sink: cannot run in ingest workers, where "logs" runs; set service.workers.threads: 0 or take it out of that pipeline',
      'processors.fake_main_stamp: cannot run in ingest workers, where "logs" runs; set service.workers.threads: 0 or take it out of that pipeline',
    ].join('\n'),
  )
  expect(wires(plan({ ...sketch, threads: 0 }).ingest)).toHaveLength(2)
})

test('a component that the registry does not have is a bug', () => {
  expect(() => planGraph(graphSpec(base, registry), { factories: [] })).toThrow('BUG: no')
})

describe('an extension that is shared', () => {
  const shared: GraphSketch = {
    ...base,
    processors: { 'fake_stamp/a': {}, fake_numbered: {} },
    extensions: { fake_other: {}, fake_number: {} },
    pipelines: [
      ['logs', ['fake_lines', 'fake_main_lines'], ['fake_stamp/a', 'fake_numbered'], ['fake_count']],
      ['metrics', ['fake_count'], [], ['fake_collect']],
    ],
    threads: 0,
  }
  const node = ({ nodes }: SidePlan, address: string) => nodes.find(({ spec }) => spec.address === address)

  test('has a half on each side, and its users have the key of the one on theirs', () => {
    const { ingest, main } = plan(shared)
    const mainHalf = node(main, 'extensions.fake_number')
    const ingestHalf = node(ingest, 'extensions.fake_number')
    expect([mainHalf?.half, ingestHalf?.half]).toEqual(['main', 'ingest'])
    expect(ingestHalf?.mainKey).toBe(mainHalf?.key)
    expect(node(ingest, 'processors.fake_numbered')?.uses).toEqual({ fake_number: ingestHalf?.key })
    expect(node(main, 'processors.fake_numbered')?.uses).toEqual({ fake_number: mainHalf?.key })
    expect(node(ingest, 'processors.fake_stamp/a')?.uses).toBeUndefined()
  })

  test.for([
    { what: 'its config', change: { extensions: { fake_other: {}, fake_number: { number: 2 } } } },
    { what: 'what is wanted of it', change: { processors: { 'fake_stamp/a': {}, fake_numbered: { wants: 'more' } } } },
  ])('gets another key with $what, and so do its users and nobody else', ({ change }) => {
    const keys = (sketch: GraphSketch): string[] => [...plan(sketch).ingest.nodes, ...plan(sketch).main.nodes].map(({ key }) => key)
    const before = new Set(keys(shared))
    const changed = keys({ ...shared, ...change }).filter((key) => !before.has(key))
    expect(changed.map(short).sort()).toEqual([
      'extensions.fake_number',
      'extensions.fake_number/ingest',
      'processors.fake_numbered@logs',
      'processors.fake_numbered@logs',
    ])
  })

  test('is a bug when it is needed and not there, or there twice', () => {
    expect(() => plan({ ...shared, extensions: {} })).toThrow('BUG: processors.fake_numbered needs fake_number on its thread, where there is none')
    expect(() => plan({ ...shared, extensions: { 'fake_number/1': {}, 'fake_number/2': {} } })).toThrow('BUG: processors.fake_numbered uses fake_number')
    const optional = plan({ ...shared, extensions: {}, processors: { ...shared.processors, fake_numbered: { is_optional: true } } })
    expect(node(optional.ingest, 'processors.fake_numbered')?.uses).toEqual({})
  })
})
