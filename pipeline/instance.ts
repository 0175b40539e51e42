import type { Component, Settings } from '../component/component.ts'
import type { Consumer, SignalData } from '../component/consumer.ts'
import type { ExporterMain, MainComponent, ProcessView, SharingComponent } from '../component/factory.ts'
import type { IngestLink } from '../component/link.ts'
import { SIGNALS, type Signal } from '../component/signal.ts'
import type { InstrumentSpec } from '../component/telemetry.ts'
import type { FactoryTable, PlanNode } from './plan.ts'
import { connectorConsumed, exporterConsumed, processorFailed, processorIncoming, processorOutgoing } from './telemetry.ts'
import { Inlet, type InletMeters, Outlet } from './wire.ts'

/** What a side of the graph supplies to the instances it makes. */
export interface InstanceSurroundings {
  readonly factories: FactoryTable
  settingsFor(node: PlanNode): Omit<Settings, 'shared'>
  /** For ingest halves. */
  linkFor(node: PlanNode): IngestLink<unknown>
  readonly view: ProcessView
}

/** A component with the graph's ends of its wires. */
export interface Instance {
  /** Replaced by the next plan's node when the instance lives on. */
  node: PlanNode
  readonly component: SharingComponent & Partial<MainComponent>
  readonly inlets: { readonly [S in Signal]?: Inlet<S> }
  readonly outlets: { readonly [S in Signal]?: Outlet<S> }
  /** What it consumes changes. */
  readonly mutates: (signal: Signal) => boolean
  /** `host:port` of its listeners, as the system has bound them. */
  readonly bound: string[]
}

/** Errors of one component are logged at most once in this time; the counters have them all. */
const LOG_INTERVAL_MS = 10_000

/**
 * Creates the instance of a node; nothing is opened and nothing is connected yet. `shared` is what `Settings.shared`
 * answers.
 */
export function createInstance(node: PlanNode, around: InstanceSurroundings, shared: Settings['shared']): Instance {
  const settings: Settings = { ...around.settingsFor(node), shared }
  const outlets = outletsFor(node, settings, around.factories)
  const { component, consumers } = create(node, { around, settings, outlets })
  const inlets: Partial<Record<Signal, Inlet>> = {}
  for (const signal of SIGNALS) {
    const consumer = consumers[signal] as Consumer<SignalData[Signal]> | undefined
    if (consumer !== undefined) inlets[signal] = new Inlet(consumer, { signal, address: node.spec.address, meters: metersFor(node, signal, settings) })
  }
  return {
    node,
    component,
    inlets: inlets as Instance['inlets'],
    outlets,
    mutates: (signal) => consumers[signal]?.mutatesData === true,
    bound: [],
  }
}

function outletsFor(node: PlanNode, settings: Settings, factories: FactoryTable): Instance['outlets'] {
  const outlets: Partial<Record<Signal, Outlet>> = {}
  const add = (signal: Signal): void => {
    const outgoing =
      node.kind === 'processor' ? settings.telemetry.counter(processorOutgoing, { processor: node.spec.id.text, 'otel.signal': signal }) : undefined
    outlets[signal] = new Outlet(signal, outgoing)
  }
  for (const signal of Object.keys(node.outputs) as Signal[]) add(signal)
  if (node.kind === 'connector' && node.half === 'main') {
    const { to } = factories.get('connector', node.spec.id.type)
    if (outlets[to] === undefined) add(to)
  }
  return outlets as Instance['outlets']
}

interface Parts {
  readonly around: InstanceSurroundings
  readonly settings: Settings
  readonly outlets: Instance['outlets']
}

type Created = { readonly component: Instance['component']; readonly consumers: { readonly [S in Signal]?: Consumer<any> } }

function create(node: PlanNode, parts: Parts): Created {
  const { around, settings, outlets } = parts
  const { factories } = around
  const { config, id } = node.spec
  switch (node.kind) {
    case 'extension':
      return { component: createExtension(node, parts), consumers: {} }
    case 'receiver':
      return { component: createReceiver(node, parts), consumers: {} }
    case 'processor':
      return createProcessor(node, parts)
    case 'connector': {
      const factory = factories.get('connector', id.type)
      if (node.half === 'ingest') {
        const half = existing(node, factory.ingest?.(settings, config, around.linkFor(node)))
        return { component: half, consumers: { [factory.from]: half } }
      }
      const main = factory.main(settings, config, outlets[factory.to] as Consumer<unknown>)
      return { component: main, consumers: main.consume === undefined ? {} : { [factory.from]: main as Consumer<unknown> } }
    }
    case 'exporter':
      return createExporter(node, parts)
    default:
      throw new Error(`BUG: no component kind ${String(node.kind)}`)
  }
}

function createExtension(node: PlanNode, { around, settings }: Parts): Instance['component'] {
  const { id, config, uses = [] } = node.spec
  const factory = around.factories.get('extension', id.type)
  if (node.half !== 'ingest') return factory.create(settings, config, around.view, uses)
  return existing(node, factory.ingest?.(settings, config, around.linkFor(node)))
}

function createReceiver(node: PlanNode, { around, settings, outlets }: Parts): Instance['component'] {
  const { id, config } = node.spec
  const factory = around.factories.get('receiver', id.type)
  if (node.half !== 'ingest') return factory.create(settings, config, outlets)
  return existing(node, factory.ingest?.(settings, config, around.linkFor(node)))
}

function createProcessor(node: PlanNode, { around, settings, outlets }: Parts): Created {
  const signal = node.signal as Signal
  const factory = around.factories.get('processor', node.spec.id.type)
  if (node.half === 'ingest') {
    const half = existing(node, (factory.ingest?.[signal] as MakeIngest | undefined)?.(settings, node.spec.config, around.linkFor(node)))
    return { component: half, consumers: { [signal]: half } }
  }
  const make = factory.create[signal] as ((settings: Settings, config: unknown, next: unknown) => Component & Consumer<unknown>) | undefined
  if (make === undefined) throw new Error(`BUG: ${node.spec.address} does not support ${signal}; the config check should have said so`)
  const processor = make(settings, node.spec.config, outlets[signal])
  return { component: processor, consumers: { [signal]: processor } }
}

function createExporter(node: PlanNode, { around, settings }: Parts): Created {
  const factory = around.factories.get('exporter', node.spec.id.type)
  if (node.half === 'main') {
    const main: ExporterMain = factory.main(settings, node.spec.config)
    return { component: main, consumers: main.consumers }
  }
  const signal = node.signal as Signal
  const half = existing(node, (factory.ingest?.[signal] as MakeIngest | undefined)?.(settings, node.spec.config, around.linkFor(node)))
  return { component: half, consumers: { [signal]: half } }
}

type MakeIngest = (settings: Settings, config: unknown, link: IngestLink<unknown>) => Component & Consumer<unknown>

function existing<T>({ key }: PlanNode, half: T | undefined): T {
  if (half === undefined) throw new Error(`BUG: ${key} has no ingest half`)
  return half
}

function metersFor(node: PlanNode, signal: Signal, settings: Settings): InletMeters {
  const onError = logErrors(settings)
  const { telemetry } = settings
  const labels = { [node.kind]: node.spec.id.text, 'otel.signal': signal }
  if (node.kind === 'processor') {
    return {
      incoming: telemetry.counter(processorIncoming, labels),
      refused: telemetry.counter(processorFailed, { ...labels, reason: 'refused' }),
      failed: telemetry.counter(processorFailed, { ...labels, reason: 'failed' }),
      onError,
    }
  }
  const spec: InstrumentSpec = node.kind === 'connector' ? connectorConsumed : exporterConsumed
  return {
    succeeded: telemetry.counter(spec, { ...labels, outcome: 'success' }),
    refused: telemetry.counter(spec, { ...labels, outcome: 'refused' }),
    failed: telemetry.counter(spec, { ...labels, outcome: 'failed' }),
    onError,
  }
}

function logErrors({ log, clock }: Settings): (error: Error) => void {
  let loggedAt = Number.NEGATIVE_INFINITY
  let unlogged = 0
  return (error) => {
    const now = clock.monotonic()
    if (now - loggedAt < LOG_INTERVAL_MS) {
      unlogged++
      return
    }
    log.warn({ error, alsoFailed: unlogged === 0 ? undefined : unlogged }, 'batch not taken')
    loggedAt = now
    unlogged = 0
  }
}
