import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { podOf, uuidOf } from '../../test/fakes/identity_objects.ts'
import { LineParser } from './parse/line_parser.ts'
import type { Sample, SampleSink } from './sample.ts'
import { AddressSenders, ContainerSenders, isInternalTag, PodSenders, type Senders } from './senders.ts'

const CONTAINER = 'c'.repeat(64)
const pod = podOf({ uid: uuidOf(7), ips: ['10.0.0.7'], containers: [{ name: 'main', id: CONTAINER, image: '' }] })
const other = podOf({ uid: uuidOf(8), name: 'ratings-1', ips: ['10.0.0.8'], workload: { kind: 'Pod', name: 'ratings-1', isInferred: false } })

/** The labels of a line that came from an address. */
function labelsOf(senders: Senders, line: string, address: string): Record<string, string> {
  return Object.fromEntries(senders.labels(of(line, (sample) => senders.of(sample, address))))
}

/** What somebody says of the one sample of a line. */
function of<T>(line: string, ask: (sample: Sample) => T): T {
  const answers: T[] = []
  const sink: SampleSink = {
    sample: (sample) => void answers.push(ask(sample)),
    event: () => {},
    serviceCheck: () => {},
    rejected: () => {},
    accepted: () => {},
  }
  const bytes = new Uint8Array(Buffer.from(line))
  new LineParser('lenient').parsePacket(bytes, 0, bytes.length, sink)
  return answers[0] as T
}

const POD = { 'k8s.namespace.name': 'shop', 'k8s.deployment.name': 'reviews', 'k8s.pod.name': 'reviews-6d5f8b7c9d-abcde' }
const OTHER = { 'k8s.namespace.name': 'shop', 'k8s.pod.name': 'ratings-1' }

describe('a pod is known', () => {
  test.for([
    { name: 'by its address', line: 'a:1|c', address: '10.0.0.7', labels: POD },
    { name: 'by its container', line: `a:1|c|c:${CONTAINER}`, address: '10.9.9.9', labels: POD },
    { name: 'by its container, in the list of v1.4', line: `a:1|c|c:ci-${CONTAINER}`, address: '10.0.0.8', labels: POD },
    { name: 'by its entity id', line: `a:1|c|#x:y,dd.internal.entity_id:${uuidOf(7)}`, address: '10.0.0.8', labels: POD },
    { name: 'by its external data', line: `a:1|c|e:it-false,cn-main,pu-${uuidOf(7)}`, address: '10.0.0.8', labels: POD },
    { name: 'by its address when nobody knows what it says', line: 'a:1|c|c:unknown', address: '10.0.0.8', labels: OTHER },
    { name: 'by its entity id before its container', line: `a:1|c|c:${CONTAINER}|#dd.internal.entity_id:${uuidOf(8)}`, address: '', labels: OTHER },
    { name: 'not at all', line: 'a:1|c', address: '10.9.9.9', labels: {} },
    { name: 'as little as it wants: none', line: 'a:1|c|card:none', address: '10.0.0.7', labels: {} },
    {
      name: 'as little as it wants: low',
      line: 'a:1|c|card:low',
      address: '10.0.0.7',
      labels: { 'k8s.namespace.name': 'shop', 'k8s.deployment.name': 'reviews' },
    },
    { name: 'as much as it wants: high', line: `a:1|c|c:${CONTAINER}|card:high`, address: '', labels: { ...POD, 'container.id': CONTAINER } },
    { name: 'as ever with a cardinality that is none', line: 'a:1|c|card:huge', address: '10.0.0.7', labels: POD },
  ])('$name', ({ line, address, labels }) => {
    const senders = new PodSenders(new FakeIdentityIndex().add(pod).add(other), new FakeClock())
    expect(labelsOf(senders, line, address)).toEqual(labels)
    expect(labelsOf(senders, line, address)).toEqual(labels)
  })
})

test.for([
  { name: 'nothing', line: 'a:1|c|#x:y', teller: 'address' },
  { name: 'its container', line: `a:1|c|c:${CONTAINER}|card:low`, teller: 'line' },
  { name: 'its entity id', line: `a:1|c|#dd.internal.entity_id:${uuidOf(8)}`, teller: 'line' },
  { name: 'its external data', line: 'a:1|c|e:it-false', teller: 'line' },
  { name: 'how much shall be said', line: 'a:1|c|card:low', teller: 'both' },
] as const)('a pod whose line says $name is told by its $teller', ({ line, teller }) => {
  const index = new FakeIdentityIndex().add(pod).add(other)
  const senders = new PodSenders(index, new FakeClock())
  const number = (address: string): number => of(line, (sample) => senders.of(sample, address))
  expect(of(line, (sample) => senders.toldBy(sample))).toBe(teller)
  if (teller === 'address') expect([number('10.0.0.7'), number('10.0.0.8')]).toEqual([senders.ofAddress('10.0.0.7'), senders.ofAddress('10.0.0.8')])
  if (teller === 'line') expect(number('10.0.0.7')).toBe(number('10.0.0.8'))
  const { generation } = senders
  expect(senders.generation).toBe(generation)
  senders.renew()
  expect(senders.generation).not.toBe(generation)
})

test('a pod that becomes known later gets its labels then', () => {
  const index = new FakeIdentityIndex()
  const senders = new PodSenders(index, new FakeClock())
  expect(labelsOf(senders, 'a:1|c', '10.0.0.7')).toEqual({})
  index.add(pod)
  expect(labelsOf(senders, 'a:1|c', '10.0.0.7')).toEqual(POD)
})

test('addresses are labels', () => {
  const senders = new AddressSenders()
  expect(labelsOf(senders, 'a:1|c', '10.0.0.7')).toEqual({ 'client.address': '10.0.0.7' })
  expect(labelsOf(senders, 'a:1|c', '')).toEqual({})
  senders.renew()
  expect(labelsOf(senders, 'a:1|c', '::1')).toEqual({ 'client.address': '::1' })
})

test('tags for the receiver are told from labels', () => {
  expect(['dd.internal.entity_id', 'dd.internal.card', 'dd.internals', 'host'].map(isInternalTag)).toEqual([true, true, false, false])
})

test('a container id of its own makes another number, with the labels of the others', () => {
  const bytes = Buffer.from('a:1|c|#x:y|c:ci-one\na:1|c|#x:y|c:two\na:1|c|#x:y\na:1|c|#x:y|c:ci-one')
  for (const others of [undefined, new AddressSenders()]) {
    const senders = new ContainerSenders(others)
    const ids: number[] = []
    const sink: SampleSink = { sample: (sample) => ids.push(senders.of(sample, '10.0.0.1')), event() {}, serviceCheck() {}, rejected() {}, accepted() {} }
    new LineParser('statsd_exporter').parsePacket(bytes, 0, bytes.length, sink)
    expect(new Set(ids).size).toBe(3)
    expect(ids[3]).toBe(ids[0])
    expect(ids.map((id) => senders.labels(id))).toEqual(ids.map(() => (others === undefined ? [] : [['client.address', '10.0.0.1']])))
    senders.renew()
    expect(senders.labels(ids[0] as number)).toEqual([])
  }
})
