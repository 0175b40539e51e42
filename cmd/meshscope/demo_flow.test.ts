import { expect, test } from 'vitest'
import { countCalls, countPlainCalls, flowLine } from './demo_flow.ts'

const EXPOSITION = `# TYPE istio_requests_total counter
istio_requests_total{reporter="source",source_workload="istio-ingressgateway",destination_service_name="productpage",response_code="200"} 90
istio_requests_total{reporter="source",source_workload="istio-ingressgateway",destination_service_name="productpage",response_code="0"} 10
istio_requests_total{reporter="source",source_workload="productpage-v1",destination_service_name="a \\"quoted\\" name",response_code="503"} 40 1700000000000
istio_requests_total{reporter="destination",source_workload="istio-ingressgateway",destination_service_name="productpage",response_code="200"} 90
istio_requests_total{reporter="destination",source_workload="reports",destination_service_name="details",response_code="200",connection_security_policy="none"} 8
istio_requests_total_created{reporter="source",source_workload="x",destination_service_name="y",response_code="200"} 1
istio_requests_total 7
`

test('counts calls per edge as their clients saw them', () => {
  expect([...countCalls(EXPOSITION).values()]).toEqual([
    { source: 'istio-ingressgateway', service: 'productpage', total: 100, failed: 10 },
    { source: 'productpage-v1', service: 'a \\"quoted\\" name', total: 40, failed: 40 },
  ])
})

test('counts calls of clients without a proxy apart', () => {
  expect([...countPlainCalls(EXPOSITION).values()]).toEqual([{ source: 'reports', service: 'details', total: 8, failed: 0 }])
})

test('shows what flowed between two samples', () => {
  const before = { atMs: 1_000, entries: 100, calls: new Map(), plainCalls: new Map() }
  const now = { atMs: 3_000, entries: 1_140, calls: countCalls(EXPOSITION), plainCalls: countPlainCalls(EXPOSITION) }
  expect(flowLine(before, now, 'istio-ingressgateway')).toBe(
    '   520 entries/s       50 requests/s   errors 35.7 %   top edge productpage-v1 → a \\"quoted\\" name (20/s)   by address reports → details (4/s)',
  )
  expect(flowLine(now, { ...now, atMs: 4_000 }, 'istio-ingressgateway')).toContain('0 entries/s        0 requests/s   errors  0.0 %   top edge -')
})
