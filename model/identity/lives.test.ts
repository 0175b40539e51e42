import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { endpointOf, nodeOf, podOf, uuidOf } from '../../test/fakes/identity_objects.ts'
import { LivesOracle } from '../../test/fakes/lives_oracle.ts'
import type { Pod } from './objects.ts'
import { SharedIdentityIndex } from './shared_index.ts'
import { IdentityStore } from './store.ts'

const SKEW_MS = 5
const REMEMBER_MS = 60
const NOW = 1_800_000_000_000
const OPEN = Number.POSITIVE_INFINITY
const IPS = ['10.0.0.1', '10.0.0.2', '2001:db8::1'] as const
const PORTS = [0, 53, 80] as const

type Event =
  | {
      readonly what: 'start'
      readonly ips: readonly string[]
      readonly startedMs: number
      readonly createdMs: number
      readonly host: readonly number[] | undefined
    }
  | { readonly what: 'terminate' | 'end'; readonly which: number; readonly agoMs: number }
  | { readonly what: 'relabel' | 'remove'; readonly which: number }
  | { readonly what: 'move'; readonly which: number; readonly ips: readonly string[] }
  | { readonly what: 'node'; readonly ip: string; readonly isThere: boolean }
  | { readonly what: 'slice'; readonly slice: number; readonly ips: readonly string[] }
  | { readonly what: 'sweep' | 'publish' | 'ask' }

type Change = Extract<Event, { readonly which: number }>

interface Step {
  readonly afterMs: number
  readonly event: Event
}

const which = fc.nat(5)
const ips = fc.subarray([...IPS], { minLength: 1, maxLength: 2 })
const offset = fc.integer({ min: -30, max: 8 })
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('start' as const),
      ips,
      startedMs: fc.oneof(offset, fc.constant(OPEN)),
      createdMs: fc.oneof(offset, fc.constant(OPEN)),
      host: fc.option(fc.subarray([53, 80]), { nil: undefined, freq: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('terminate' as const, 'end' as const), which, agoMs: fc.nat(10) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('relabel' as const, 'remove' as const), which }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('move' as const), which, ips }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('node' as const), ip: fc.constantFrom(...IPS), isThere: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('slice' as const), slice: fc.nat(2), ips: fc.subarray([...IPS]) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constantFrom('sweep' as const, 'publish' as const, 'ask' as const) }) },
)
const steps = fc.array(fc.record({ afterMs: fc.nat(20), event }), { maxLength: 60 })

/** Tells the store and the oracle the same. */
class World {
  readonly store = new IdentityStore({
    lookups: ['address', 'pod_uid'],
    memoryMibMax: 1,
    rememberGoneMs: REMEMBER_MS,
    clockSkewMs: SKEW_MS,
    isClusterWide: true,
  })
  readonly oracle = new LivesOracle(SKEW_MS, REMEMBER_MS)
  readonly pods: Pod[] = []
  now = NOW
  #made = 0

  constructor() {
    // What comes from now on was not there before.
    for (const resource of ['pods', 'nodes', 'endpointslices'] as const) {
      this.store.beginList(resource)
      this.store.endList(resource, NOW)
    }
  }

  apply({ afterMs, event: now }: Step): void {
    this.now += afterMs
    if (now.what === 'start') this.#start(now)
    else if (now.what === 'node') this.#node(now.ip, now.isThere)
    else if (now.what === 'slice') this.#slice(now.slice, now.ips)
    else if (now.what === 'sweep') this.#sweep()
    else if (now.what === 'publish') this.store.publish(this.now)
    else if ('which' in now && this.pods.length > 0) this.#change(now)
    this.oracle.forgetMany()
  }

  #start({ ips: own, startedMs, createdMs, host }: Extract<Event, { readonly what: 'start' }>): void {
    const number = ++this.#made
    const pod = podOf({
      uid: uuidOf(number),
      name: `p${String(number).padStart(3, '0')}`,
      ips: own,
      isHostNetwork: host !== undefined,
      ports: host ?? [],
      createdMs: createdMs === OPEN ? 0 : this.now + createdMs,
      startedMs: startedMs === OPEN ? 0 : this.now + startedMs,
    })
    this.pods.push(pod)
    this.#put(pod)
    for (const ip of own) this.#claim(pod, ip)
  }

  #claim(pod: Pod, ip: string): void {
    const fromMs = pod.startedMs > 0 ? pod.startedMs : Math.max(pod.createdMs, this.now - SKEW_MS)
    this.oracle.lives.push({
      ip,
      id: `shop/${pod.name}`,
      rank: 0,
      isHost: pod.isHostNetwork,
      ports: pod.ports,
      fromMs,
      untilMs: OPEN,
      terminatingMs: pod.terminatingMs || OPEN,
    })
  }

  #change(now: Change): void {
    const index = now.which % this.pods.length
    const pod = this.pods[index] as Pod
    const own = this.oracle.lives.filter(({ id }) => id === `shop/${pod.name}`)
    if (now.what === 'remove' || now.what === 'end') this.pods.splice(index, 1)
    if (now.what === 'remove') {
      expect(this.store.remove('pods', `shop/${pod.name}`, this.now, pod.uid)).toBe(true)
      for (const life of own) life.untilMs = Math.min(life.untilMs, Math.max(this.now, life.fromMs))
    } else if (now.what === 'end') {
      const endedMs = this.now - now.agoMs
      this.#put({ ...pod, endedMs })
      for (const life of own) life.untilMs = Math.min(life.untilMs, Math.max(endedMs, life.fromMs))
    } else if (now.what === 'terminate') {
      const terminatingMs = this.now - now.agoMs
      this.#replace(index, { ...pod, terminatingMs })
      for (const life of own) if (life.untilMs === OPEN) life.terminatingMs = terminatingMs
    } else if (now.what === 'move') {
      this.#replace(index, { ...pod, ips: now.ips })
      for (const life of own) if (!now.ips.includes(life.ip)) life.untilMs = Math.min(life.untilMs, Math.max(this.now, life.fromMs))
      for (const ip of now.ips) if (!pod.ips.includes(ip)) this.#claim(this.pods[index] as Pod, ip)
    } else if (now.what === 'relabel') {
      this.#replace(index, { ...pod, labels: { at: `${this.now}` } })
    }
  }

  #replace(index: number, pod: Pod): void {
    this.pods[index] = pod
    this.#put(pod)
  }

  #put(pod: Pod): void {
    this.store.put('pods', `shop/${pod.name}`, [pod], this.now)
  }

  #node(ip: string, isThere: boolean): void {
    const name = `node-${ip}`
    const life = this.oracle.lives.find((one) => one.id === name && one.untilMs === OPEN)
    if (isThere) {
      this.store.put('nodes', name, [nodeOf({ name, ips: [ip] })], this.now)
      if (life === undefined) this.oracle.lives.push({ ip, id: name, rank: 3, isHost: false, ports: [], fromMs: this.now, untilMs: OPEN, terminatingMs: OPEN })
    } else {
      expect(this.store.remove('nodes', name, this.now)).toBe(life !== undefined)
      if (life !== undefined) life.untilMs = this.now
    }
  }

  #slice(slice: number, now: readonly string[]): void {
    const id = (ip: string): string => `shop/s${slice}/${ip}`
    this.store.put(
      'endpointslices',
      `shop/s${slice}`,
      now.map((ip) => endpointOf({ ip, service: `s${slice}`, pod: ip, ports: [80] })),
      this.now,
    )
    for (const ip of IPS) {
      const life = this.oracle.lives.find((one) => one.id === id(ip) && one.untilMs === OPEN)
      if (now.includes(ip) && life === undefined) {
        this.oracle.lives.push({ ip, id: id(ip), rank: 2, isHost: false, ports: [80], fromMs: this.now, untilMs: OPEN, terminatingMs: OPEN })
      } else if (!now.includes(ip) && life !== undefined) {
        life.untilMs = this.now
      }
    }
  }

  #sweep(): void {
    this.store.sweep(this.now)
    this.oracle.sweep(this.now)
  }
}

/** The id of an answer, as the oracle names it. */
function answerOf(index: SharedIdentityIndex, ip: string, port: number, timeMs: number): string | undefined {
  const found = index.byAddress(ip, port, timeMs)
  if (found === undefined) return undefined
  expect(found.fromMs <= timeMs && timeMs < found.untilMs).toBe(true)
  const { value } = found
  if (value.kind === 'endpoint') return `${value.namespace}/${value.service}/${value.pod}`
  return value.kind === 'node' ? value.name : `shop/${value.name}`
}

function everyQuestion(now: number, ask: (ip: string, port: number, timeMs: number) => void): void {
  for (const ip of IPS) for (const port of PORTS) for (const ago of [-6, -5, 0, 1, 7, 20, 40, 59, 61, 90, 150]) ask(ip, port, now - ago)
}

test('the index agrees with a brute-force oracle on random lives with reused addresses', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const world = new World()
      const index = new SharedIdentityIndex()
      index.attach(world.store.handles)
      for (const step of all) {
        world.apply(step)
        if (step.event.what !== 'ask' && step !== all.at(-1)) continue
        everyQuestion(world.now, (ip, port, timeMs) => {
          expect([ip, port, timeMs - NOW, answerOf(index, ip, port, timeMs)]).toEqual([ip, port, timeMs - NOW, world.oracle.whose(ip, port, timeMs)])
        })
      }
    }),
    { numRuns: 300 },
  )
}, 60_000)

test('an answer holds as long as it says, and until the version grows', () => {
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.integer({ min: -10, max: 100 })), (all, times) => {
      const world = new World()
      const index = new SharedIdentityIndex()
      const fresh = new SharedIdentityIndex()
      index.attach(world.store.handles)
      fresh.attach(world.store.handles)
      const asked = new Map<
        string,
        { readonly ip: string; readonly timeMs: number; readonly is: string | undefined; readonly fromMs: number; readonly untilMs: number }
      >()
      let { version } = index
      for (const step of all) {
        world.apply(step)
        world.store.publish(world.now)
        if (index.version !== version) asked.clear()
        ;({ version } = index)
        for (const { ip, timeMs, is, fromMs, untilMs } of asked.values()) {
          // The same at its time, and at the ends of the time for which it was said to hold.
          const about = is === undefined ? [timeMs] : [timeMs, Math.max(fromMs, NOW - 200), Math.min(untilMs, NOW + 2000) - 1]
          for (const time of about) expect([ip, time, answerOf(fresh, ip, 80, time)]).toEqual([ip, time, is])
        }
        const ip = IPS[Math.abs(times.next().value as number) % 2] as string
        const timeMs = world.now - (times.next().value as number)
        const found = index.byAddress(ip, 80, timeMs)
        asked.set(`${ip} ${timeMs}`, { ip, timeMs, is: answerOf(index, ip, 80, timeMs), fromMs: found?.fromMs ?? 0, untilMs: found?.untilMs ?? 0 })
      }
    }),
    { numRuns: 300 },
  )
}, 60_000)
