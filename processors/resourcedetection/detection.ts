import type { Settings } from '../../component/component.ts'
import type { Counter } from '../../component/telemetry.ts'
import { durationMs } from '../../lib/duration.ts'
import { AttributeSet, type AttributeValue, isSameValue } from '../../model/attributes.ts'
import { type AttributeSwitches, type DetectorName, isEnabled } from './attributes.ts'
import type { ResourceDetectionConfig } from './config.ts'
import { type Attributes, type Detect, type DetectorContext, type Found, NotHereError } from './detectors/detector.ts'
import { detectEc2, detectEks } from './detectors/ec2.ts'
import { detectEcs } from './detectors/ecs.ts'
import { detectEnvironment, detectKubernetesNode } from './detectors/environment.ts'
import { type Machine, thisMachine } from './detectors/machine.ts'
import { detectSystem } from './detectors/system.ts'
import * as telemetry from './telemetry.ts'

/** When detectors that failed are asked again; doubled from one time to the next. */
const RETRY_MS = { first: 10_000, most: 300_000 } as const

/** Who wants to know what is detected. */
export interface DetectionFollower {
  /** All detectors have been asked once more. */
  onDetected(): void
}

/** What the process is asked about; tests give something else. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly machine: Machine
}

/** A detector, what it found last and what it could not find. */
interface Asked {
  readonly name: DetectorName
  readonly detect: Detect
  readonly switches: AttributeSwitches
  readonly counters: Readonly<Record<'ok' | 'partial' | 'failed' | 'not_here', Counter>>
  attributes: Attributes
  problem: string | undefined
  /** Set when the problem is only that this is not its place. */
  notHere: NotHereError | undefined
}

/**
 * What the detectors of one config found, for all processors of this thread that have it. Detects while it has followers: when the
 * first comes, every `refresh_interval`, and after a while when something could not be found.
 */
export class Detection {
  readonly #settings: Pick<Settings, 'log' | 'clock'>
  readonly #around: Surroundings
  readonly #timeoutMs: number
  readonly #refreshMs: number
  readonly #asked: readonly Asked[]
  readonly #followers = new Set<DetectionFollower>()
  #attributes = AttributeSet.empty
  #life: AbortController | undefined
  #firstRound: Promise<void> | undefined
  #cancelNext: (() => void) | undefined
  #retryMs: number = RETRY_MS.first

  constructor(settings: Settings, config: ResourceDetectionConfig, around: Surroundings = { env: process.env, machine: thisMachine }) {
    this.#settings = settings
    this.#around = around
    this.#timeoutMs = durationMs(config.timeout)
    this.#refreshMs = durationMs(config.refresh_interval)
    this.#asked = config.detectors.map((name) => {
      const counter = (outcome: string): Counter => settings.telemetry.counter(telemetry.detections, { processor: settings.id.text, detector: name, outcome })
      return {
        name,
        detect: detectorOf(name, config),
        switches: name === 'env' ? {} : config[name].resource_attributes,
        counters: { ok: counter('ok'), partial: counter('partial'), failed: counter('failed'), not_here: counter('not_here') },
        attributes: {},
        problem: undefined,
        notHere: undefined,
      }
    })
  }

  /** What is known; the same object as long as nothing changes. */
  get attributes(): AttributeSet {
    return this.#attributes
  }

  /** What could not be found, a sentence each that begins with the detector's name; without detectors whose place this is not. */
  get problems(): readonly string[] {
    return problemsOf(this.#asked.filter(({ notHere }) => notHere === undefined))
  }

  /** The problems of all detectors. */
  get missing(): readonly string[] {
    return problemsOf(this.#asked)
  }

  /** Resolves when all detectors have been asked once, at the latest after the configured timeout; never rejects. */
  follow(follower: DetectionFollower): Promise<void> {
    this.#followers.add(follower)
    if (this.#firstRound === undefined) {
      this.#life = new AbortController()
      this.#firstRound = this.#round(this.#life.signal)
    }
    return this.#firstRound
  }

  /** Ends what is under way when nobody is left; safe for one that never followed. */
  leave(follower: DetectionFollower): void {
    if (!this.#followers.delete(follower) || this.#followers.size > 0) return
    this.#life?.abort()
    this.#cancelNext?.()
    this.#cancelNext = undefined
    this.#firstRound = undefined
  }

  async #round(life: AbortSignal): Promise<void> {
    const time = new AbortController()
    const cancel = this.#settings.clock.after(this.#timeoutMs, () => time.abort())
    const signal = AbortSignal.any([life, time.signal])
    const results = await Promise.all(this.#asked.map((asked) => this.#ask(asked, signal)))
    cancel()
    if (life.aborted) return
    for (const [i, asked] of this.#asked.entries()) this.#take(asked, results[i] as Found | Error)
    this.#merge()
    this.#plan(life)
    for (const follower of this.#followers) follower.onDetected()
  }

  async #ask({ name, detect, switches }: Asked, signal: AbortSignal): Promise<Found | Error> {
    const context: DetectorContext = {
      ...this.#around,
      clock: this.#settings.clock,
      timeoutMs: this.#timeoutMs,
      signal,
      wants: (attribute) => isEnabled(name, attribute, switches),
    }
    try {
      return await Promise.race([(async () => detect(context))(), this.#timeUp(signal)])
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  /** Resolves when a detector has had the chance to say itself what it waited for. */
  #timeUp(signal: AbortSignal): Promise<Error> {
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => setImmediate(() => resolve(new Error(`no answer within ${this.#timeoutMs} ms`))), { once: true })
    })
  }

  #take(asked: Asked, result: Found | Error): void {
    const { log } = this.#settings
    const { name: detector, counters } = asked
    const hasFailed = result instanceof Error
    const problem = hasFailed ? result.message : result.problem
    asked.notHere = result instanceof NotHereError ? result : undefined
    // What was known before is more likely right than nothing.
    if (!hasFailed) asked.attributes = problem === undefined ? result.attributes : { ...asked.attributes, ...result.attributes }
    if (problem === undefined) {
      counters.ok.add(1)
      if (asked.problem !== undefined) log.info({ detector }, 'resource detector finds everything again')
    } else if (asked.notHere !== undefined) {
      counters.not_here.add(1)
      log[problem === asked.problem ? 'debug' : 'info']({ detector, reason: problem }, 'this is not the place of a resource detector')
    } else {
      counters[hasFailed ? 'failed' : 'partial'].add(1)
      const message = hasFailed ? 'resource detector failed' : 'resource detector found only a part'
      if (problem === asked.problem) log.debug({ detector, error: problem }, message)
      else log.warn({ detector, error: problem }, message)
    }
    asked.problem = problem
  }

  #merge(): void {
    const found = new Map<string, AttributeValue>()
    for (const { name, attributes, switches } of this.#asked) {
      for (const [key, value] of Object.entries(attributes)) {
        if (value !== undefined && !found.has(key) && isEnabled(name, key, switches)) found.set(key, value)
      }
    }
    const merged = new AttributeSet([...found.keys()], [...found.values()])
    if (isSameValue(merged, this.#attributes)) return
    this.#attributes = merged
    this.#settings.log.info({ attributes: Object.fromEntries(found) }, 'resource detected')
  }

  #plan(life: AbortSignal): void {
    let delayMs = this.#refreshMs
    if (this.#asked.every(({ problem, notHere }) => problem === undefined || notHere?.isFinal === true)) {
      this.#retryMs = RETRY_MS.first
    } else {
      delayMs = delayMs === 0 ? this.#retryMs : Math.min(this.#retryMs, delayMs)
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.most)
    }
    if (delayMs === 0) return
    this.#cancelNext = this.#settings.clock.after(delayMs, () => void this.#round(life))
  }
}

function problemsOf(asked: readonly Asked[]): readonly string[] {
  return asked.filter(({ problem }) => problem !== undefined).map(({ name, problem }) => `${name}: ${problem}`)
}

function detectorOf(name: DetectorName, config: ResourceDetectionConfig): Detect {
  switch (name) {
    case 'env':
      return detectEnvironment
    case 'system':
      return detectSystem(config.system)
    case 'k8snode':
    case 'k8s_api':
      return detectKubernetesNode(config[name])
    case 'ecs':
      return detectEcs(config.ecs)
    case 'ec2':
      return detectEc2(config.ec2)
    case 'eks':
      return detectEks(config.eks)
    default:
      throw new Error(`BUG: no detector ${String(name)}; the config check should have said so`)
  }
}
