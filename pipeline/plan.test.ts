import { describe, expect, test } from 'vitest'
import { defineReceiver, type Factory } from '../component/factory.ts'
import type { Registry } from '../component/spec.ts'
import { fakeCountedLines, fakeLines, fakeRegistry } from '../test/fakes/components.ts'
import { type GraphSketch, graphSpec } from '../test/fakes/graph_spec.ts'
import { FactoryTable, type GraphPlan, listensOf, type PlanNode, type SidePlan } from './plan.ts'
import { planGraph } from './planner.ts'

const registry = fakeRegistry
const plan = (sketch: GraphSketch): GraphPlan => planGraph(graphSpec(sketch, registry), registry)
const short = (key: string): string => key.replace(/#[0-9a-f]{16}/, '')
const wires = ({ nodes }: SidePlan): string[] =>
  nodes.map(({ key, outputs }) => {
    const ends = Object.values(outputs).flatMap((inputs) => inputs.map((input) => short(input.key)))
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

test('a table knows what comes into its registry later', () => {
  const factories: Factory[] = []
  const table = new FactoryTable({ factories })
  expect(() => table.get('receiver', fakeLines.type)).toThrow('BUG')
  factories.push(fakeLines)
  expect(table.get('receiver', fakeLines.type)).toBe(fakeLines)
})

test('a pipeline that both kinds of receivers feed is on both sides', () => {
  const { ingest, main } = plan({
    ...base,
    pipelines: [
      ['logs', ['fake_lines', 'fake_main_lines'], ['fake_stamp/a'], ['fake_count']],
      ['metrics', ['fake_count'], [], ['fake_collect']],
    ],
  })
  expect(wires(ingest)).toEqual([
    'receivers.fake_lines -> processors.fake_stamp/a@logs',
    'processors.fake_stamp/a@logs -> connectors.fake_count/logs',
    'connectors.fake_count/logs',
  ])
  expect(wires(main)).toEqual([
    'receivers.fake_main_lines -> processors.fake_stamp/a@logs',
    'processors.fake_stamp/a@logs -> connectors.fake_count/logs',
    'connectors.fake_count/logs',
    'connectors.fake_count -> exporters.fake_collect',
    'exporters.fake_collect',
  ])
  expect(main.nodes[2]).toMatchObject({ half: 'ingest', mainKey: main.nodes[3]?.key })
})

describe('where access logs become records', () => {
  const logs = (receivers: string[], processors: string[], exporters: string[]): GraphSketch => ({
    receivers: { fake_lines: {}, fake_main_lines: {} },
    processors: { fake_stamp: {}, 'fake_stamp/b': {}, fake_crossing: {}, 'fake_crossing/named': {}, fake_mark: {}, fake_parse: {} },
    connectors: { fake_count: {} },
    exporters: { fake_record_sink: {}, 'fake_record_sink/b': {}, fake_collect: {} },
    pipelines: [
      ['logs', receivers, processors, exporters],
      ...(exporters.includes('fake_count') ? [['metrics', ['fake_count'], [], ['fake_collect']] as const] : []),
    ],
    threads: 2,
  })
  /** Without the names that all tests share. */
  const brief = (side: SidePlan): string[] =>
    wires(side)
      .filter((wire) => !wire.includes('fake_collect'))
      .map((wire) => wire.replaceAll(/(?:receivers|processors|connectors|exporters)\.fake_|@logs/g, ''))

  test.for([
    {
      name: 'the processor that is named there',
      sketch: logs(['fake_lines'], ['fake_stamp', 'fake_crossing/named', 'fake_stamp/b'], ['fake_record_sink']),
      ingest: ['lines -> stamp', 'stamp -> crossing/named/ingest', 'crossing/named/ingest'],
      main: ['crossing/named -> stamp/b', 'stamp/b -> record_sink', 'record_sink'],
    },
    {
      name: 'one before the first processor that takes records',
      sketch: logs(['fake_lines'], ['fake_stamp', 'fake_mark', 'fake_stamp/b'], ['fake_record_sink']),
      ingest: ['lines -> stamp', 'stamp -> crossing/ingest', 'crossing/ingest'],
      main: ['crossing -> mark', 'mark -> stamp/b', 'stamp/b -> record_sink', 'record_sink'],
    },
    {
      name: 'one before the exporters that take records, beside those that do not',
      sketch: logs(['fake_lines'], ['fake_stamp'], ['fake_record_sink', 'fake_count', 'fake_record_sink/b']),
      ingest: ['lines -> stamp', 'stamp -> crossing/ingest, count/logs', 'crossing/ingest', 'count/logs'],
      main: ['crossing -> record_sink, record_sink/b', 'record_sink', 'record_sink/b'],
    },
    {
      name: 'one right behind the receiver',
      sketch: logs(['fake_lines'], [], ['fake_count', 'fake_record_sink']),
      ingest: ['lines -> crossing/ingest, count/logs', 'count/logs', 'crossing/ingest'],
      main: ['crossing -> record_sink', 'record_sink'],
    },
    {
      name: 'none where records come in',
      sketch: logs(['fake_main_lines'], ['fake_stamp', 'fake_mark'], ['fake_record_sink']),
      ingest: [],
      main: ['main_lines -> stamp', 'stamp -> mark', 'mark -> record_sink', 'record_sink'],
    },
    {
      name: 'the named one, which records pass too',
      sketch: logs(['fake_lines', 'fake_main_lines'], ['fake_stamp', 'fake_crossing/named', 'fake_mark'], ['fake_record_sink']),
      ingest: ['lines -> stamp', 'stamp -> crossing/named/ingest', 'crossing/named/ingest'],
      main: ['main_lines -> stamp', 'stamp -> crossing/named', 'crossing/named -> mark', 'mark -> record_sink', 'record_sink'],
    },
    {
      name: 'one in the workers only, when records come in beside',
      sketch: logs(['fake_lines', 'fake_main_lines'], ['fake_stamp'], ['fake_record_sink']),
      ingest: ['lines -> stamp', 'stamp -> crossing/ingest', 'crossing/ingest'],
      main: ['main_lines -> stamp', 'stamp -> record_sink', 'crossing -> record_sink', 'record_sink'],
    },
    {
      name: 'one on the main thread, where access logs were read from records',
      sketch: logs(['fake_main_lines'], ['fake_parse', 'fake_mark'], ['fake_record_sink']),
      ingest: [],
      main: ['main_lines -> parse', 'parse -> crossing', 'crossing -> mark', 'mark -> record_sink', 'record_sink'],
    },
    {
      name: 'one on each side, each before the exporters that need it',
      sketch: logs(['fake_lines', 'fake_main_lines'], ['fake_parse'], ['fake_record_sink', 'fake_count']),
      ingest: ['lines -> parse', 'parse -> crossing/ingest, count/logs', 'crossing/ingest', 'count/logs'],
      main: ['main_lines -> parse', 'parse -> crossing, count/logs', 'crossing -> record_sink', 'crossing -> record_sink', 'count/logs', 'record_sink'],
    },
  ])('is $name', ({ sketch, ingest, main }) => {
    const made = plan(sketch)
    expect(brief(made.ingest).sort()).toEqual(ingest.toSorted())
    expect(brief(made.main).sort()).toEqual(main.toSorted())
    expect(plan({ ...sketch, threads: 0 })).toEqual(made)
    for (const { nodes } of [made.ingest, made.main]) {
      const ranks = new Map(nodes.map(({ key, rank }) => [key, rank]))
      for (const { outputs, mainKey, rank } of nodes)
        for (const key of [...(outputs.logs ?? []).map((input) => input.key), mainKey ?? '']) expect(ranks.get(key) ?? rank + 1).toBeGreaterThan(rank)
    }
  })

  test('is kept when what stands before it changes, and exchanged with its settings', () => {
    const crossings = (sketch: GraphSketch): string[] => plan(sketch).main.nodes.flatMap(({ key, kind }) => (kind === 'processor' ? [key] : []))
    const before = crossings(logs(['fake_lines'], ['fake_stamp'], ['fake_record_sink', 'fake_count']))
    expect(crossings(logs(['fake_lines', 'fake_main_lines'], [], ['fake_record_sink', 'fake_record_sink/b']))).toEqual(before)
    const sketch = logs(['fake_lines'], ['fake_stamp'], ['fake_record_sink'])
    const changed = crossings({ ...sketch, processors: { ...sketch.processors, fake_crossing: { note: 'changed' } } })
    expect(changed).toHaveLength(1)
    expect(changed).not.toEqual(before)
  })
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

test.for([0, 2])('all that cannot be reached from ingest workers is told at once, with %i threads', (threads) => {
  const factories: Registry = { factories: registry.factories.filter(({ type }) => type !== 'fake_crossing') }
  const sketch: GraphSketch = {
    ...base,
    processors: { 'fake_stamp/a': {}, fake_mark: {} },
    exporters: { fake_record_sink: {} },
    pipelines: [['logs', ['fake_lines'], ['fake_stamp/a', 'fake_mark'], ['fake_record_sink']]],
    threads,
  }
  expect(() => planGraph(graphSpec(sketch, factories), factories)).toThrow(
    [
      'exporters.fake_record_sink: cannot run in ingest workers, where "logs" runs; take it out of that pipeline; nothing built in takes logs from there to the main thread',
      'processors.fake_mark: cannot run in ingest workers, where "logs" runs; take it out of that pipeline; nothing built in takes logs from there to the main thread',
    ].join('\n'),
  )
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

describe('an extension that a setting names', () => {
  const node = ({ nodes }: SidePlan, address: string) => nodes.find(({ spec }) => spec.address === address)
  const named: GraphSketch = {
    receivers: { fake_lines: {} },
    exporters: { fake_record_sink: { storage: 'fake_store/b' }, 'fake_record_sink/other': { storage: 'fake_shop / a' } },
    extensions: { 'fake_store/a': {}, 'fake_store/b': {}, fake_store_everywhere: {} },
    pipelines: [['logs', ['fake_lines'], [], ['fake_record_sink', 'fake_record_sink/other']]],
  }

  test('is the one with that id, and its users have its key under the text that names it', () => {
    const { main } = plan(named)
    expect(node(main, 'exporters.fake_record_sink')?.uses).toEqual({ 'fake_store/b': node(main, 'extensions.fake_store/b')?.key })
    expect(node(main, 'exporters.fake_record_sink/other')?.uses).toEqual({ 'fake_shop / a': node(main, 'extensions.fake_store/a')?.key })
  })

  test('is exchanged with its users and with nobody else', () => {
    const keys = (sketch: GraphSketch): string[] => [...plan(sketch).ingest.nodes, ...plan(sketch).main.nodes].map(({ key }) => key)
    const before = new Set(keys(named))
    const changed = keys({ ...named, extensions: { ...named.extensions, 'fake_store/b': { note: 'changed' } } }).filter((key) => !before.has(key))
    expect(changed.map(short).sort()).toEqual(['exporters.fake_record_sink', 'extensions.fake_store/b'])
  })

  test('is found by what runs in workers where it has a half there, and else is a problem', () => {
    const inWorkers = (storage: string): GraphSketch => ({ ...named, receivers: { fake_lines: { storage } } })
    const { ingest } = plan(inWorkers('fake_store_everywhere'))
    expect(node(ingest, 'receivers.fake_lines')?.uses).toEqual({ fake_store_everywhere: node(ingest, 'extensions.fake_store_everywhere')?.key })
    expect(() => plan(inWorkers('fake_store/a'))).toThrow(
      'receivers.fake_lines: runs in ingest workers, where fake_store/a is not; take it out of the settings',
    )
  })

  test('is a bug when it is not there', () => {
    expect(() => plan({ ...named, extensions: {} })).toThrow('BUG: exporters.fake_record_sink needs fake_store/b on its thread, where there is none')
  })
})
