import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { registry } from '../../cmd/meshscope/components.ts'
import type { Component, Settings } from '../../component/component.ts'
import type { Schema } from '../../component/config_schema.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import type { Factory, ProcessView } from '../../component/factory.ts'
import { IDENTITY_EXTENSION } from '../../component/kit/identity.ts'
import type { IngestLink } from '../../component/link.ts'
import { SIGNALS, type Signal } from '../../component/signal.ts'
import { checkComponents } from '../../config/components.ts'
import { ProblemList } from '../../config/problem.ts'
import { readSources } from '../../config/sources.ts'
import { CollectingConsumer } from '../fakes/consumers.ts'
import { FakeIdentityIndex } from '../fakes/identity.ts'
import { FakeHost, fakeSettings } from '../fakes/settings.ts'

/** What every built-in component must do, whatever it is for. A new component is covered by its line in components.ts. */

const folder = mkdtempSync(join(tmpdir(), 'meshscope-conformance-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Settings that have no default. */
const REQUIRED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'receiver otlp': { protocols: { grpc: null, http: null } },
  'receiver prometheus': { config: { scrape_configs: [{ job_name: 'mesh' }] } },
  'processor memory_limiter': { limit_mib: 4096 },
  'processor attributes': { actions: [{ key: 'a', action: 'delete' }] },
  'processor resource': { attributes: [{ key: 'a', action: 'delete' }] },
  'exporter prometheus': { endpoint: '127.0.0.1:0' },
  'exporter file': { path: join(folder, 'out.jsonl') },
  'exporter otlp_grpc': { endpoint: '127.0.0.1:4317' },
  'exporter otlp_http': { endpoint: 'http://127.0.0.1:4318' },
  'exporter elasticsearch': { endpoint: 'http://127.0.0.1:9200' },
  'exporter zipkin': { endpoint: 'http://127.0.0.1:9411/api/v2/spans' },
  'exporter awsemf': { region: 'us-east-1', endpoint: 'http://127.0.0.1:4566' },
  'processor transform': { log_statements: ['set(log.attributes["a"], 1)'] },
  'extension file_storage': { directory: join(folder, 'storage') },
  'extension bearertokenauth': { token: 'token' },
  'extension basicauth': { htpasswd: { inline: 'user:password' } },
}
const SECTION = { receiver: 'receivers', processor: 'processors', connector: 'connectors', exporter: 'exporters', extension: 'extensions' } as const

const nameOf = (factory: Factory): string => `${factory.kind} ${factory.type}`

/** The checked config with all defaults, its listeners on free ports of this machine. */
function configOf(factory: Factory): unknown {
  const load = (overrides: readonly string[]): unknown => {
    const section = SECTION[factory.kind]
    const text = JSON.stringify({ [section]: { [factory.type]: REQUIRED[nameOf(factory)] ?? {} } })
    const problems = new ProblemList()
    const outside = { env: {}, readFile: () => '', orderOf: () => 0 }
    const root = readSources({ sources: [`yaml:${text}`], overrides }, outside, problems)
    if (root === undefined) throw new Error('config is empty')
    const definitions = checkComponents(root, registry.factories, problems)
    expect(problems.problems().map(({ path, problem }) => `${path}: ${problem}`)).toEqual([])
    return definitions[section].get(factory.type)?.config
  }
  const listens = factory.listens?.(load([])) ?? []
  // Several listeners of a component have an address each: only by it the ports that the system chooses can be told apart.
  const addressOf = (network: string, i: number): string => (network === 'unix' ? join(folder, `${factory.type}.sock`) : `127.0.0.${i + 1}:0`)
  return load(listens.map(({ network, path }, i) => `${[SECTION[factory.kind], factory.type, ...path].join('.')}=${addressOf(network, i)}`))
}

const view: ProcessView = { components: () => [], isReady: () => true, lastReload: () => undefined, startedAt: 0 }
const link: IngestLink<unknown> = { worker: 0, send: () => {} }

/** What the extensions share that a component uses. */
function sharedWith(factory: Factory, config: unknown): Settings['shared'] {
  const used = factory.uses?.(config).map(({ extension }) => extension) ?? []
  return (type) => (used.includes(type) ? SHARED[type]?.() : undefined)
}

const SHARED: Readonly<Record<string, () => unknown>> = { [IDENTITY_EXTENSION]: () => new FakeIdentityIndex() }

/** Every instance that the graph may make of a component: for each signal and each half. */
function instancesOf(factory: Factory): { readonly part: string; readonly make: () => Component }[] {
  const config = configOf(factory) as never
  const settings = (signal?: Signal) => {
    const pipeline = signal === undefined ? {} : { signal, pipeline: signal }
    return { ...fakeSettings(factory.kind, factory.type), ...pipeline, shared: sharedWith(factory, config) }
  }
  const signals = SIGNALS.filter((signal) => typeof factory.stability === 'object' && factory.stability[signal] !== undefined)
  switch (factory.kind) {
    case 'receiver': {
      const next: ConsumerSet = Object.fromEntries(signals.map((signal) => [signal, new CollectingConsumer()]))
      const { ingest } = factory
      const half = ingest === undefined ? [] : [{ part: 'ingest half', make: () => ingest(settings(), config, link) }]
      return [{ part: ingest === undefined ? 'whole' : 'main half', make: () => factory.create(settings(), config, next) }, ...half]
    }
    case 'processor':
      return signals.flatMap((signal) => {
        const make = factory.create[signal]
        const ingest = factory.ingest?.[signal]
        const main = make === undefined ? [] : [{ part: signal, make: () => make(settings(signal), config, new CollectingConsumer<never>()) }]
        return ingest === undefined ? main : [...main, { part: `ingest half for ${signal}`, make: () => ingest(settings(signal), config, link) }]
      })
    case 'connector': {
      const { ingest, main, from } = factory
      const half = ingest === undefined ? [] : [{ part: 'ingest half', make: () => ingest(settings(from), config, link) }]
      return [{ part: 'main half', make: () => main(settings(), config, new CollectingConsumer()) }, ...half]
    }
    case 'exporter': {
      const halves = signals.flatMap((signal) => {
        const make = factory.ingest?.[signal]
        return make === undefined ? [] : [{ part: `ingest half for ${signal}`, make: () => make(settings(signal), config, link) }]
      })
      return [{ part: 'main half', make: () => factory.main(settings(), config) }, ...halves]
    }
    case 'extension': {
      const { ingest } = factory
      const half = ingest === undefined ? [] : [{ part: 'ingest half', make: () => ingest(settings(), config, link) }]
      return [{ part: ingest === undefined ? 'whole' : 'main half', make: () => factory.create(settings(), config, view, []) }, ...half]
    }
    default:
      throw new Error('BUG: no such kind')
  }
}

const instances = registry.factories.flatMap((factory) => instancesOf(factory).map(({ part, make }) => ({ name: `${nameOf(factory)}, ${part}`, make })))
const deadline = () => ({ signal: AbortSignal.timeout(2000) })

describe('an instance', () => {
  test.for(instances)('starts and stops, and stops again: $name', async ({ make }) => {
    const component = make()
    const host = new FakeHost()
    await component.start?.(host)
    await component.shutdown?.(deadline())
    await component.shutdown?.(deadline())
    expect(host.statuses.filter(({ kind }) => kind === 'fatal_error')).toEqual([])
  })

  test.for(instances)('may be stopped without a start: $name', async ({ make }) => {
    const component = make()
    await expect((async () => component.shutdown?.(deadline()))()).resolves.toBeUndefined()
  })

  test.for(instances)('stops at once when the deadline has passed already: $name', async ({ make }) => {
    const component = make()
    await component.start?.(new FakeHost())
    await expect((async () => component.shutdown?.({ signal: AbortSignal.abort() }))()).resolves.toBeUndefined()
  })
})

describe('a component', () => {
  test.for(registry.factories.map((factory) => ({ name: nameOf(factory), factory })))('says what it is, in its schema and its README: $name', ({ factory }) => {
    expect(factory.type).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(factory.description).toMatch(/^[A-Z].*\.$/)
    expect(undescribed(factory.config.schema, [])).toEqual([])
    const readme = join(import.meta.dirname, '../..', SECTION[factory.kind], factory.type, 'README.md')
    expect(existsSync(readme)).toBe(true)
    const text = readFileSync(readme, 'utf8')
    expect(text).toMatch(new RegExp(`^# .*${factory.type}`))
    expect(text).toContain('```yaml\n')
    for (const marker of ['<!-- settings -->', '<!-- /settings -->']) expect(text).toContain(marker)
  })

  test('is listed once', () => {
    const names = registry.factories.flatMap((factory) => [factory.type, ...(factory.aliases ?? [])].map((type) => `${factory.kind} ${type}`))
    expect(names).toEqual([...new Set(names)])
  })
})

/** Paths of settings without a description. */
function undescribed(schema: Schema, path: readonly string[]): string[] {
  if (!('properties' in schema)) return []
  return Object.entries(schema.properties).flatMap(([key, value]) => [
    ...(value.description === undefined || value.description === '' ? [[...path, key].join('.')] : []),
    ...undescribed(value, [...path, key]),
  ])
}
