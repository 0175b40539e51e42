import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { podOf, uuidOf } from '../../test/fakes/identity_objects.ts'
import { FakeTelemetry } from '../../test/fakes/telemetry.ts'
import { StatHub } from './aggregate/hub.ts'
import { SharedStatStore } from './aggregate/shared_store.ts'
import { Clients } from './clients.ts'
import { Intake, type IntakeSettings, type SampleNaming } from './intake.ts'
import { Ledger } from './ledger.ts'
import { EnvoyNaming } from './naming/envoy_naming.ts'
import { PlainNaming } from './naming/plain_naming.ts'
import { type Dialect, SampleType } from './sample.ts'
import { AddressSenders, ContainerSenders, PodSenders, type Senders } from './senders.ts'
import { ingestInstruments } from './telemetry.ts'

const CONTAINER = 'c'.repeat(64)
const POD = podOf({ uid: uuidOf(7), ips: ['10.0.0.1'], containers: [{ name: 'main', id: CONTAINER, image: '' }] })

class Setup {
  readonly telemetry = new FakeTelemetry()
  readonly clock = new FakeClock()
  readonly records: string[] = []
  readonly hub: StatHub
  readonly store: SharedStatStore
  readonly ledger: Ledger
  readonly intake: Intake

  constructor(overrides: Partial<IntakeSettings> = {}) {
    const seriesMax = overrides.seriesMax ?? 1000
    const instruments = ingestInstruments(this.telemetry, 'statsd', 'udp')
    this.ledger = new Ledger(instruments)
    this.hub = new StatHub({
      seriesMax,
      setIntervalMs: 60_000,
      clock: this.clock,
      resource: { attributes: AttributeSet.empty },
      scope: { name: '', version: '' },
    })
    this.store = new SharedStatStore({ seriesMax, setIntervalMs: 60_000, send: (message) => this.hub.receive(message, { worker: 0, life: 1 }) })
    this.intake = new Intake({
      dialect: 'lenient',
      naming: new PlainNaming(),
      store: this.store,
      ledger: this.ledger,
      clients: new Clients(),
      senders: undefined,
      instruments,
      clock: this.clock,
      seriesMax,
      record: (kind, line) => this.records.push(`${kind} ${new TextDecoder().decode(line)}`),
      ...overrides,
    })
  }

  packet(packet: string | Buffer, sender = '10.0.0.1'): void {
    this.intake.packet(Buffer.from(packet), sender)
  }

  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.telemetry.value(`meshscope_statsd_${name}`, labels)
  }

  /** `name{labels} first value` of every series, sorted; or the first `count` values. */
  async series(count = 1): Promise<string[]> {
    const families = await this.hub.collect()
    return families
      .flatMap(({ family, series, values, offset, stride }) =>
        series.map((labels, i) => {
          const shown = values.slice(offset + i * stride, offset + i * stride + Math.min(count, stride))
          return `${family.name}{${labels.keys.map((key) => `${key}=${labels.get(key) as string}`).join(',')}} ${shown.join(' ')}`
        }),
      )
      .sort()
  }
}

test('a line of any form of its tags is counted in the one series they mean', async () => {
  const setup = new Setup()
  setup.packet('a:1|c|#x:1,y:2\na:1|c|#y:2,x:1\na:1|c|@0.5|#x:1|T1656581400|#y:2\na:1|c|#x:1,y:2|c:abc\na,x=1,y=2:1|c')
  setup.packet('a:1|c|#x:1,y:2\na:1|c|#dd.internal.entity_id:some-uid,x:1,y:2')
  expect(await setup.series()).toEqual(['a{x=1,y=2} 8'])
  expect(setup.telemetry.value('otelcol_receiver_accepted_metric_points')).toBe(7)
})

test('the same bytes in a name and behind it do not mean the same', async () => {
  const setup = new Setup({ dialect: 'etsy' })
  setup.packet('a;k=v:1|c\na:1|c|#k=v\na:1|c|#k=v:w\na:1|c')
  const series = await setup.series()
  expect(series).toContain('a{k=v} 1')
  expect(series).toContain('a{} 1')
  expect(series).toHaveLength(4)
})

test('a gauge is what was measured last, where lines say when that was', async () => {
  const setup = new Setup()
  const nowS = Math.floor(setup.clock.now() / 1000)
  setup.packet(`a:1|g|T${nowS - 10}\nb:1|g\nc:1|g|T${nowS - 10}\nd:1|c|T${nowS - 10}`)
  setup.packet(`a:2|g|T${nowS - 20}\nb:2|g|T${nowS - 20}\nc:2|g|T${nowS - 5}\nd:2|c|T${nowS - 20}`)
  expect(await setup.series()).toEqual(['a{} 1', 'b{} 1', 'c{} 2', 'd{} 3'])
  expect(setup.telemetry.value('otelcol_receiver_accepted_metric_points')).toBe(8)
})

test('to the statsd_exporter a container id is a tag of the series', async () => {
  const setup = new Setup({ dialect: 'statsd_exporter', senders: new ContainerSenders(undefined) })
  setup.packet('a:1|c|#x:1|c:ci-one\na:2|c|#x:1|c:two\na:4|c|#x:1\na:8|c|#x:1|c:ci-one\na:16|c|c:one|#container_id:tag\na:32|c|#container_id:tag|c:one')
  expect(await setup.series()).toEqual([
    'a{container_id=ci-one,x=1} 9',
    'a{container_id=one} 32',
    'a{container_id=tag} 16',
    'a{container_id=two,x=1} 2',
    'a{x=1} 4',
  ])
})

test('every type does what it is for', async () => {
  const setup = new Setup()
  setup.packet('c:2|c|@0.1\ng:5|g\ng:+3|g\ng:-1|g\nt:7|ms|@0.5\ns:a|s\ns:b|s\ns:a|s')
  expect(await setup.series()).toEqual(['c{} 20', 'g{} 7', 's{} 2', 't{} 2'])
})

test('what is dropped is counted by its reason', async () => {
  const setup = new Setup()
  setup.packet('c:1|c\nc:-1|c')
  setup.intake.rename({ resolve: ({ name }) => ({ dropped: name === 'dup' ? 'profile_duplicate' : 'mapping_drop' }) })
  setup.packet('dup:1|c\ndup:1|c\nc:1|c')
  expect(setup.value('accepted_lines')).toBe(5)
  expect(setup.telemetry.value('otelcol_receiver_accepted_metric_points')).toBe(1)
  const dropped = (reason: string): number => setup.telemetry.value('meshscope_receiver_dropped_metric_points', { reason })
  expect([dropped('negative_counter'), dropped('profile_duplicate'), dropped('mapping_drop')]).toEqual([1, 2, 1])
  expect(await setup.series()).toEqual(['c{} 1'])
})

test('a new naming holds from the next packet on', async () => {
  const setup = new Setup()
  const plain = new PlainNaming()
  setup.packet('a:1|c')
  setup.intake.rename({ resolve: (raw) => ({ ...plain.resolve({ ...raw, name: 'b' }), rule: 4 }) })
  setup.packet('a:1|c\na:1|c')
  expect(await setup.series()).toEqual(['a{} 1', 'b{} 2'])
  expect([...setup.intake.rules()]).toEqual([['b', new Set([4])]])
  expect(setup.value('memory_renewals', { reason: 'mapping' })).toBe(1)
})

test('zeros of an Envoy show a series and are nothing more', async () => {
  const envoy = new EnvoyNaming(new PlainNaming())
  const repeatsZeros = (name: string): boolean => envoy.stat({ name, type: SampleType.counter, tags: [] }) !== undefined
  const setup = new Setup({ naming: { resolve: (raw) => envoy.resolve(raw), repeatsZeros } })
  setup.packet('envoy.server.dropped_stat_flushes:0|c\nenvoy.server.dropped_stat_flushes:0|c\nmine:0|c\nmine:0|c')
  setup.packet('envoy.server.dropped_stat_flushes:3|c')
  expect(setup.value('zero_deltas')).toBe(1)
  expect(await setup.series()).toEqual(['envoy_server_dropped_stat_flushes{} 3', 'mine{} 0'])
})

test('series beyond the limit are counted together', async () => {
  const setup = new Setup({ seriesMax: 2 })
  setup.packet('a:1|c\nb:1|c\nc:1|c\nc:1|c\nd:4|c')
  const series = await setup.series()
  expect(series.filter((one) => one.startsWith('a{') || one.startsWith('b{'))).toHaveLength(2)
  expect(series.reduce((sum, one) => sum + Number(one.split(' ').at(-1)), 0)).toBe(8)
  expect(setup.value('overflowed_series')).toBe(2)
})

test('memory that is full is renewed without a loss', async () => {
  const setup = new Setup({ seriesMax: 3 })
  for (let round = 0; round < 3; round++) for (let i = 0; i < 20; i++) setup.packet(`x:1|c|#unordered:${i}`)
  expect(setup.value('memory_renewals', { reason: 'full' })).toBeGreaterThan(0)
  const series = await setup.series()
  expect(series.reduce((sum, one) => sum + Number(one.split(' ').at(-1)), 0)).toBe(60)
})

test('rejected lines are kept, the last of each reason', () => {
  const setup = new Setup()
  setup.packet('first\nsecond\na:x|c', '10.0.0.7')
  expect(setup.ledger.rejectedLines()).toEqual([
    { reason: 'no_value', lines: 2, last: 'second', sender: '10.0.0.7', atMs: setup.clock.now() },
    { reason: 'bad_value', lines: 1, last: 'a:x|c', sender: '10.0.0.7', atMs: setup.clock.now() },
  ])
})

test('events and service checks are handed on whole', () => {
  const setup = new Setup()
  setup.packet('_e{1,1}:a|b|#k:v\n_sc|x|0')
  expect(setup.records).toEqual(['event _e{1,1}:a|b|#k:v', 'service_check _sc|x|0'])
})

test('senders make series of their own when they shall', async () => {
  const setup = new Setup({ senders: new AddressSenders() })
  setup.packet('a:1|c', '10.0.0.1')
  setup.packet('a:2|c', '10.0.0.2')
  setup.packet('a:4|c|#client.address:mine', '10.0.0.2')
  setup.packet('a:8|c', '')
  expect(await setup.series()).toEqual(['a{client.address=10.0.0.1} 1', 'a{client.address=10.0.0.2} 2', 'a{client.address=mine} 4', 'a{} 8'])
})

describe('any bytes', () => {
  const line = fc.oneof(
    fc.constantFrom('a:1|c', 'b:2|g|#x:y', 'c:+1|g', 'd:1:2:3|ms|@0.1', 'e:f|s', '_e{1,1}:a|b', '_sc|n|1', 'g;k=v:1|c', 'h:1e300|c|@1e-300'),
    fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  )

  test.for<Dialect>(['lenient', 'etsy', 'dogstatsd', 'statsd_exporter', 'telegraf', 'strict'])(
    'do no harm, and every line is accounted for: %s',
    async (dialect) => {
      const setup = new Setup({ dialect })
      fc.assert(
        fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
          setup.intake.packet(Buffer.from(lines.join('\n'), 'latin1'), '10.0.0.1')
          expect(setup.value('received_lines')).toBe(setup.value('accepted_lines') + setup.value('rejected_lines'))
        }),
        { numRuns: 200 },
      )
      expect((await setup.series()).length).toBeGreaterThan(0)
    },
  )
})

test('lines that are known get new labels when another pod is known by their sender', async () => {
  const index = new FakeIdentityIndex()
  const setup = new Setup({ senders: new PodSenders(index, new FakeClock()) })
  const lines = `a:1|c\nb:1|c|c:ci-${CONTAINER}\nc:1|c|card:low`
  for (let i = 0; i < 3; i++) setup.packet(lines)
  index.add(POD)
  for (let i = 0; i < 3; i++) setup.packet(lines)
  setup.packet(lines, '10.9.9.9')
  const low = 'k8s.deployment.name=reviews,k8s.namespace.name=shop'
  const all = `${low},k8s.pod.name=reviews-6d5f8b7c9d-abcde`
  expect(await setup.series()).toEqual([`a{${all}} 3`, 'a{} 4', `b{${all}} 4`, 'b{} 3', `c{${low}} 3`, 'c{} 4'])
})

describe('known lines', () => {
  const number: fc.Arbitrary<string> = fc.oneof(
    { arbitrary: fc.nat(99).map(String), weight: 4 },
    fc.constantFrom('0', '1.5', '.5', '7.', '-3', '+2', '1e1', '123456789012345', '1234567890123456', '1:2', 'x', ''),
  )
  const tail = fc.constantFrom(
    'c',
    'c|@0.5',
    'c|#k:v',
    'c|@0.1|#k:v,l:w',
    'c|#k:v|@0.1',
    'c|#flag',
    'c|#k:a|80||b',
    'c|T1656581400',
    'c|#k:v|c:ci-1',
    'c|card:low',
    `c|#k:v|c:ci-${CONTAINER}`,
    `c|#dd.internal.entity_id:${POD.uid}`,
    `ms|#k:v|e:it-false,pu-${POD.uid}|card:low`,
    'c\r',
    'c ',
    'g',
    'g|#k:v',
    'g|@0.5',
    'g|T1656581400',
    'ms',
    'ms|@0.5|#k:v',
    'h',
    'd|#k:v',
    's',
    's|#k:v',
    'x',
    '',
  )
  const head = fc.constantFrom(
    'a',
    'b',
    'b.c',
    'b.cd',
    'b.cde',
    'b.cdef',
    'envoy.x',
    'envoy.y',
    'drop',
    'drop.x',
    'a;k=v',
    'a[b=c]',
    'a,k=v',
    '_x',
    '_e{1,1}',
    'é',
    '',
  )
  const line = fc.tuple(head, number, tail).map(([name, value, rest]) => `${name}:${value}|${rest}`)
  /** Which lines, with which numbers, changed where. */
  interface Packet {
    readonly lines: readonly (readonly [number, string | null])[]
    readonly changes: readonly { readonly at: number; readonly byte: number; readonly isCut: boolean }[]
    readonly sender: string
  }
  const change = fc.record({ at: fc.nat(400), byte: fc.constantFrom(...Buffer.from(':|\n#,@1.a-\r\0')), isCut: fc.boolean() })
  const packet: fc.Arbitrary<Packet> = fc.record({
    lines: fc.array(fc.tuple(fc.nat(4), fc.option<string>(number)), { minLength: 1, maxLength: 20 }),
    changes: fc.array(change, { maxLength: 1 }),
    sender: fc.constantFrom('10.0.0.1', '10.0.0.2', ''),
  })
  const packets = fc.tuple(fc.array(line, { minLength: 5, maxLength: 5 }), fc.array(packet, { minLength: 3, maxLength: 8 }))

  function bytesOf(texts: readonly string[], { lines, changes }: Packet): Buffer {
    let bytes = Buffer.from(lines.map(([i, value]) => (value === null ? texts[i] : texts[i]?.replace(/:[^|]*/, `:${value}`))).join('\n'))
    for (const { at, byte, isCut } of changes) {
      if (at >= bytes.length) continue
      bytes[at] = byte
      if (isCut) bytes = bytes.subarray(0, at)
    }
    return bytes
  }

  const SENDERS: readonly (readonly [string, () => Senders | undefined])[] = [
    ['whoever sends them', () => undefined],
    ['of addresses', () => new AddressSenders()],
    ['of pods', () => new PodSenders(new FakeIdentityIndex().add(POD), new FakeClock())],
  ]
  const CASES = (['lenient', 'etsy', 'dogstatsd', 'statsd_exporter', 'telegraf', 'strict'] as const).flatMap((dialect) =>
    SENDERS.map(([name, senders]) => ({ dialect, name, senders })),
  )

  test.for(CASES)('are counted like others: $dialect, $name', { timeout: 60_000 }, async ({ dialect, senders }) => {
    const newSenders = (): Senders | undefined => (dialect === 'statsd_exporter' ? new ContainerSenders(senders()) : senders())
    const plain = new PlainNaming()
    const naming: SampleNaming = {
      resolve: (raw) => (raw.name.startsWith('drop') ? { dropped: 'mapping_drop' } : plain.resolve(raw)),
      repeatsZeros: (name) => name.startsWith('envoy'),
    }
    let met = 0
    await fc.assert(
      fc.asyncProperty(packets, async ([lines, some]) => {
        const known = new Setup({ dialect, naming, senders: newSenders() })
        const unknown = new Setup({ dialect, naming, senders: newSenders() })
        unknown.intake.known = () => -1
        const meet = known.intake.known.bind(known.intake)
        known.intake.known = (start, end) => {
          const to = meet(start, end)
          if (to >= 0) met++
          return to
        }
        for (const one of some) {
          known.packet(bytesOf(lines, one), one.sender)
          unknown.packet(bytesOf(lines, one), one.sender)
        }
        expect(known.telemetry.values).toEqual(unknown.telemetry.values)
        expect(known.ledger.rejectedLines()).toEqual(unknown.ledger.rejectedLines())
        expect(await known.series(8)).toEqual(await unknown.series(8))
      }),
      { numRuns: 60 },
    )
    expect(met).toBeGreaterThan(0)
  })
})
