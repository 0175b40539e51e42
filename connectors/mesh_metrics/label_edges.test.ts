import { describe, expect, test } from 'vitest'
import { LabelEdges } from './label_edges.ts'
import { FakeEdges } from './testing.ts'

describe('edges with the same labels', () => {
  test('are the first of them, whatever their pods are', () => {
    const edges = new FakeEdges()
    const pods = Array.from({ length: 3000 }, (_, i) =>
      edges.add({ destination: { workload: `w-${i % 2}`, pod: `w-${i}`, addressClass: i % 3 === 0 ? 'unknown' : '' } }),
    )
    const alike = new LabelEdges()
    const firsts = pods.map((edge) => alike.first(edge, edges))
    expect(new Set(firsts)).toEqual(new Set([pods[0], pods[1]]))
    expect(firsts[2998]).toBe(pods[0])
    expect(alike.first(pods[2999] as number, edges)).toBe(pods[1])
  })

  test('differ in whatever a label may be made of', () => {
    const edges = new FakeEdges()
    const given = ['workload', 'namespace', 'service', 'revision', 'app', 'version', 'cluster', 'principal'].flatMap((field) => [
      { source: { [field]: 'x' } },
      { destination: { [field]: 'x' } },
    ])
    const others = [{ source: { evidence: 'node' } }, { service: { host: 'x' } }, { service: { name: 'x' } }, { service: { namespace: 'x' } }] as const
    const more = [{ mutualTls: true }, { reporter: 'destination' }, { direction: 'inbound' }, { role: 'router' }] as const
    const added = [{}, ...given, ...others, ...more].map((edge) => edges.add(edge))
    const alike = new LabelEdges()
    expect(added.map((edge) => alike.first(edge, edges))).toEqual(added)
  })

  test('are learnt anew in the next epoch', () => {
    const edges = new FakeEdges()
    const alike = new LabelEdges()
    const [one, other] = [edges.add({ destination: { pod: 'a' } }), edges.add({ destination: { pod: 'b' } })]
    expect([alike.first(one, edges), alike.first(other, edges)]).toEqual([one, one])
    alike.clear()
    expect([alike.first(other, edges), alike.first(one, edges)]).toEqual([other, other])
  })
})
