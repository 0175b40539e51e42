import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { Host, Settings } from '../../component/component.ts'
import { type ConfigOf, configSchema } from '../../component/config_schema.ts'
import type { Consumer } from '../../component/consumer.ts'
import { defineExtension, defineProcessor, type ExtensionUse, type SharingComponent } from '../../component/factory.ts'
import type { IngestHalf, IngestLink, IngestOrigin, IngestPeer, MainHalf } from '../../component/link.ts'
import type { Logs } from '../../model/logs.ts'

/** An extension that shares a number with processors in every thread, and a processor that uses it. */

/** What `fake_number` shares. */
export interface SharedNumber {
  readonly number: number
}

const numberConfig = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    number: { type: 'integer', default: 1, description: 'What is shared at first.' },
    says_hello: { type: 'string', enum: ['when_created', 'at_start'], default: 'at_start', description: 'When an ingest half asks for the number.' },
    fails_start: { type: 'boolean', default: false, description: 'For tests.' },
    endpoint: { type: 'string', default: '', description: 'Where the main half listens; a path for unix sockets, empty for not at all.' },
  },
})
type NumberConfig = ConfigOf<typeof numberConfig>

/** The main halves of `fake_number` in this thread, oldest first. */
export const numberExtensions: FakeNumberMain[] = []

/** What happened to the fakes of this file in this thread, in order. */
export const sharingEvents: string[] = []

/** Main half: answers every hello with the number, and tells all ingest halves when it changes. */
export class FakeNumberMain implements SharingComponent, MainHalf<'hello'> {
  readonly uses: readonly unknown[]
  readonly events: string[] = []
  readonly lost: IngestOrigin[] = []
  readonly peers: IngestPeer[] = []
  readonly shared: { number: number }
  readonly #config: NumberConfig
  #server: Server | undefined

  constructor(config: NumberConfig, uses: readonly unknown[]) {
    this.#config = config
    this.uses = uses
    this.shared = { number: config.number }
    numberExtensions.push(this)
    sharingEvents.push('main half created')
  }

  async start(host: Host): Promise<void> {
    if (this.#config.fails_start) throw new Error('cannot start because the test says so')
    if (this.#config.endpoint !== '') await this.#listen(this.#config.endpoint, host)
    this.#note('start')
  }

  shutdown(): void {
    this.#server?.close()
    this.#note('shutdown')
  }

  async #listen(endpoint: string, { sharesPorts }: Host): Promise<void> {
    const [host = '', port] = endpoint.split(':')
    const server = createServer((socket) => socket.end(`${this.shared.number}`))
    this.#server = server
    server.listen(endpoint.startsWith('/') ? { path: endpoint } : { host, port: Number(port), reusePort: sharesPorts })
    await once(server, 'listening')
  }

  receive(_hello: 'hello', peer: IngestPeer): void {
    this.peers.push(peer)
    peer.send(this.shared.number)
  }

  gone(from: IngestOrigin): void {
    this.lost.push(from)
  }

  /** Changes the number everywhere. Ingest halves throw at a negative one. */
  set(number: number): void {
    this.shared.number = number
    for (const peer of this.peers) peer.send(number)
  }

  #note(event: string): void {
    this.events.push(event)
    sharingEvents.push(`main half ${event}`)
  }
}

class FakeNumberIngest implements SharingComponent, IngestHalf<number> {
  readonly shared = { number: 0 }
  readonly #link: IngestLink<'hello'>
  readonly #saysHelloAtStart: boolean
  readonly #first = Promise.withResolvers<void>()

  constructor(config: NumberConfig, link: IngestLink<'hello'>) {
    this.#link = link
    this.#saysHelloAtStart = config.says_hello === 'at_start'
    if (!this.#saysHelloAtStart) link.send('hello')
    sharingEvents.push('ingest half created')
  }

  /** Waits for the first number, which comes while this thread is not committed yet. */
  async start(): Promise<void> {
    if (this.#saysHelloAtStart) this.#link.send('hello')
    await this.#first.promise
    sharingEvents.push('ingest half start')
  }

  shutdown(): void {
    sharingEvents.push('ingest half shutdown')
  }

  receive(number: number): void {
    if (number < 0) throw new Error('negative because the test says so')
    this.shared.number = number
    this.#first.resolve()
  }
}

export const fakeNumber = defineExtension({
  type: 'fake_number',
  description: 'Shares a number.',
  stability: 'development',
  config: numberConfig,
  listens: ({ endpoint }) => (endpoint === '' ? [] : [{ network: endpoint.startsWith('/') ? 'unix' : 'tcp', address: endpoint, path: ['endpoint'] }]),
  create: (_settings, config, _view, uses) => new FakeNumberMain(config, uses),
  ingest: (_settings, config, link) => new FakeNumberIngest(config, link),
})

const numberedConfig = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    wants: { type: 'string', default: 'a number', description: 'What it wants of the extension.' },
    is_optional: { type: 'boolean', default: false, description: 'Whether it does without.' },
  },
})

/** Writes the shared number into a column; 99 when there is none. */
class FakeNumbered implements Consumer<Logs> {
  readonly mutatesData = true
  readonly #shared: SharedNumber | undefined
  readonly #next: Consumer<Logs>

  constructor(settings: Settings, next: Consumer<Logs>) {
    this.#shared = settings.shared('fake_number') as SharedNumber | undefined
    this.#next = next
    settings.log.info({ number: this.#shared?.number, notNamed: settings.shared('fake_other') }, 'created')
    sharingEvents.push('processor created')
  }

  start(): void {
    sharingEvents.push('processor start')
  }

  shutdown(): void {
    sharingEvents.push('processor shutdown')
  }

  consume(batch: Logs): void | Promise<void> {
    if (!('groups' in batch)) batch.entryClass.fill(this.#shared?.number ?? 99, 0, batch.length)
    return this.#next.consume(batch)
  }
}

export const fakeNumbered = defineProcessor({
  type: 'fake_numbered',
  description: 'Writes the shared number into access logs.',
  stability: { logs: 'development' },
  runs: 'ingest',
  config: numberedConfig,
  uses: ({ wants, is_optional: isOptional }): ExtensionUse[] => [{ extension: 'fake_number', needs: { wants }, isOptional }],
  create: { logs: (settings, _config, next) => new FakeNumbered(settings, next) },
})

/** Shares something that nobody names in `uses`. */
export const fakeOther = defineExtension({
  type: 'fake_other',
  description: 'Shares a text.',
  stability: 'development',
  config: configSchema({ type: 'object', additionalProperties: false, properties: {} }),
  create: () => ({ shared: 'other' }),
  ingest: () => ({ shared: 'other' }),
})
