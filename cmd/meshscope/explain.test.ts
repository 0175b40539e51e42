import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { ExplainAnswer } from '../../extensions/k8s_metadata/explainer.ts'
import type { Pod } from '../../model/identity/objects.ts'
import { runCli } from './cli.ts'
import { registry } from './components.ts'
import { EXIT } from './exit_codes.ts'
import { answerText } from './explain.ts'

const T = Date.UTC(2026, 0, 1)
const pod: Pod = {
  kind: 'pod',
  uid: 'u',
  namespace: 'shop',
  name: 'cart-7d9f-x2bcz',
  node: 'node-1',
  serviceAccount: 'cart',
  isHostNetwork: false,
  ips: ['10.1.2.3'],
  ports: [],
  workload: { kind: 'Deployment', name: 'cart', isInferred: false },
  replicaSet: 'cart-7d9f',
  job: '',
  containers: [],
  labels: {},
  annotations: {},
  createdMs: T,
  startedMs: T,
  terminatingMs: 0,
  endedMs: 0,
}
const answer: ExplainAnswer = {
  question: { kind: 'ip', name: '10.1.2.3', port: 8080, timeMs: T + 1000 },
  answer: pod,
  claims: {
    ip: '10.1.2.3',
    port: 8080,
    timeMs: T + 1000,
    isSynced: true,
    isClusterWide: false,
    owners: [
      { object: pod, source: 'pods', fromMs: T, untilMs: null, isWinner: true, why: 'covers the time' },
      { object: { ...pod, name: 'old', endedMs: T - 5 }, source: 'pods', fromMs: 0, untilMs: T - 5, isWinner: false, why: 'ended before' },
      {
        object: {
          kind: 'endpoint',
          namespace: 'shop',
          service: 'cart',
          ip: '10.1.2.3',
          ports: [8080],
          pod: 'cart-7d9f-x2bcz',
          podUid: 'u',
          node: 'node-1',
          zone: '',
          workload: { kind: 'Deployment', name: 'cart', isInferred: true },
          labels: {},
        },
        source: 'endpointslices',
        fromMs: T,
        untilMs: null,
        isWinner: false,
        why: 'a pod is preferred',
      },
    ],
    services: [],
    leadsHere: ['shop/cart'],
  },
  notes: ['not the pods of the whole cluster are watched: what is not found may be elsewhere'],
  index: {
    isSynced: true,
    isClusterWide: false,
    changedMs: T,
    watches: [
      { resource: 'pods', of: '', state: 'synced', error: '', sinceMs: T, lastEventMs: T },
      { resource: 'services', of: 'shop', state: 'forbidden', error: 'RBAC: missing watch on services', sinceMs: T, lastEventMs: 0 },
    ],
  },
}

const closes: (() => void)[] = []
afterEach(() => {
  for (const close of closes.splice(0)) close()
})

/** A daemon that answers everything with one body, and what it was asked. */
async function daemon(status: number, body: string): Promise<{ readonly port: string; readonly asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closes.push(() => void server.close())
  return { port: String((server.address() as AddressInfo).port), asked }
}

async function explain(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, hasColour: false }
  const code = await runCli(['explain', ...args], { registry, io })
  return { code, out, err }
}

test('prints for people what an address was and why', () => {
  expect(answerText(answer)).toBe(`ip 10.1.2.3:8080 at 2026-01-01T00:00:01.000Z
  is      pod shop/cart-7d9f-x2bcz (Deployment cart) on node node-1
  serves  shop/cart
claims of workloads and nodes:
  * pod shop/cart-7d9f-x2bcz (Deployment cart) on node node-1
      2026-01-01T00:00:00.000Z to now, from pods: covers the time
    pod shop/old (Deployment cart) on node node-1, ended 2025-12-31T23:59:59.995Z
      always to 2025-12-31T23:59:59.995Z, from pods: ended before
    endpoint of shop/cart: pod shop/cart-7d9f-x2bcz (Deployment cart, by its name) on node node-1
      2026-01-01T00:00:00.000Z to now, from endpointslices: a pod is preferred
note: not the pods of the whole cluster are watched: what is not found may be elsewhere
index: synced, last changed 2026-01-01T00:00:00.000Z
  pods: synced
  services in shop: forbidden: RBAC: missing watch on services
`)
})

test('asks the daemon, and prints its answer as it is when asked to', async () => {
  const { port, asked } = await daemon(200, JSON.stringify(answer))
  const text = await explain('ip', '10.1.2.3:8080', '--port', port, '--at', '2026-01-01T00:00:01Z')
  expect(text).toEqual({ code: EXIT.ok, out: answerText(answer), err: '' })
  const json = await explain('ip', '[fd00::1]:8080', '--endpoint', `http://127.0.0.1:${port}`, '--format', 'json')
  expect(JSON.parse(json.out)).toEqual(answer)
  await explain('pod', 'shop/cart-0', '--endpoint', `127.0.0.1:${port}`)
  expect(asked).toEqual([`/explain?ip=10.1.2.3&port=8080&at=${T + 1000}`, '/explain?ip=fd00%3A%3A1&port=8080', '/explain?pod=shop%2Fcart-0'])
})

test('an age is a time before now', async () => {
  const { port, asked } = await daemon(200, JSON.stringify(answer))
  const before = Date.now()
  await explain('ip', 'fd00::1', '--port', port, '--at', '90s')
  const at = Number(new URL(asked[0] ?? '', 'http://localhost').searchParams.get('at'))
  expect(at).toBeGreaterThanOrEqual(before - 90_000)
  expect(at).toBeLessThanOrEqual(Date.now() - 90_000)
})

test('says what the daemon has against it', async () => {
  const { port } = await daemon(400, JSON.stringify({ error: 'ip: not an IP address: x' }))
  expect(await explain('ip', 'x', '--port', port)).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('answers: ip: not an IP address: x') })
})

test('says what to do when nobody answers, or somebody else does', async () => {
  const { port } = await daemon(200, 'hello')
  expect(await explain('ip', '10.0.0.1', '--port', port)).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('no answer from') })
  closes.splice(0)[0]?.()
  const { code, err } = await explain('ip', '10.0.0.1', '--port', port)
  expect(code).toBe(EXIT.failed)
  expect(err).toMatch(/ECONNREFUSED[^]*extension k8s_metadata[^]*--endpoint/)
})

test.for([
  { args: ['ip', '10.0.0.1', '--at', 'noon'], says: '--at: not a time' },
  { args: ['ip', '10.0.0.1', '--port', '70000'], says: '--port: not a port' },
  { args: ['ip', '10.0.0.1', '--endpoint', 'a b'], says: '--endpoint: not an address' },
  { args: ['ip', '10.0.0.1', '--ca-file', '/does/not/exist'], says: '--ca-file: cannot read' },
  { args: ['node', 'x'], says: 'Expected one of ip, pod, host' },
  { args: ['ip'], says: "missing required argument 'name'" },
])('$says', async ({ args, says }) => {
  expect(await explain(...args)).toMatchObject({ code: EXIT.usage, out: '', err: expect.stringContaining(says) })
})
