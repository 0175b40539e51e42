import type { Component, Host, Settings, ShutdownOptions } from '../../component/component.ts'
import { identityOf } from '../../component/kit/identity.ts'
import type { IngestHalf, IngestLink } from '../../component/link.ts'
import { durationMs } from '../../lib/duration.ts'
import { SharedStatStore } from './aggregate/shared_store.ts'
import { Clients } from './clients.ts'
import { endpointOf, isUdp, type StatsdConfig } from './config.ts'
import { Intake } from './intake.ts'
import { Ledger } from './ledger.ts'
import { ownUdpSockets } from './listen/kernel_drops.ts'
import type { Listener, ListenerSettings } from './listen/listener.ts'
import { StreamListener } from './listen/stream.ts'
import { LOAD_LOOK_MS, ThreadLoad } from './listen/thread_load.ts'
import { UdpListener } from './listen/udp.ts'
import { UnixDatagramListener } from './listen/unix_datagram.ts'
import type { RecordLine, ToIngest, ToMain, WorkerReport } from './messages.ts'
import type { Mapping } from './naming/mapping.ts'
import { checkMapping } from './naming/mapping_check.ts'
import { loadMapping } from './naming/mapping_source.ts'
import { AddressSenders, ContainerSenders, PodSenders, type Senders } from './senders.ts'
import { namingOf } from './series_naming.ts'
import { type IngestInstruments, ingestInstruments } from './telemetry.ts'

/** How often idle series are looked for. */
const SWEEP_MS = 10_000
/** Longest wait for the main half's mapping; it has it before a worker begins. */
const MAPPING_MS = 10_000
/** Events and service checks go to the main thread so often, and so many at a time. */
const RECORDS_MS = 100
const RECORDS_MAX = 1000
const RECORD_BYTES_MAX = 4 << 20
const CLIENTS_SHOWN = 1000

/**
 * The half of the `statsd` receiver in every ingest worker: listens, takes packets apart and adds their samples to series in
 * shared memory.
 */
export class StatsdIngest implements Component, IngestHalf<ToIngest> {
  readonly #settings: Settings
  readonly #config: StatsdConfig
  readonly #link: IngestLink<ToMain>
  readonly #instruments: IngestInstruments
  readonly #ledger: Ledger
  readonly #clients = new Clients()
  readonly #timers: (() => void)[] = []
  #host: Host | undefined
  #listener: Listener | undefined
  /** A worker on standby opens its sockets. */
  #joining: Promise<void> | undefined
  #isEnding = false
  #store: SharedStatStore | undefined
  #intake: Intake | undefined
  #udpPorts: readonly number[] = []
  #records: RecordLine[] = []
  #recordBytes = 0
  #recordsDropped = 0
  #mapping: { readonly mapping: Mapping | undefined } | undefined
  #whenMapped: (() => void) | undefined

  constructor(settings: Settings, config: StatsdConfig, link: IngestLink<ToMain>) {
    this.#settings = settings
    this.#config = config
    this.#link = link
    this.#instruments = ingestInstruments(settings.telemetry, settings.id.text, config.transport)
    this.#ledger = new Ledger(this.#instruments)
  }

  async start(host: Host): Promise<void> {
    const { clock } = this.#settings
    const naming = namingOf(this.#config, await this.#firstMapping())
    const store = new SharedStatStore({
      seriesMax: this.#config.series_max,
      setIntervalMs: durationMs(this.#config.aggregation_interval),
      send: (message) => this.#link.send({ kind: 'stat', message }),
    })
    this.#store = store
    this.#intake = new Intake({
      dialect: this.#config.dialect,
      naming,
      store,
      ledger: this.#ledger,
      clients: this.#clients,
      senders: this.#senders(),
      instruments: this.#instruments,
      clock,
      seriesMax: this.#config.series_max,
      record: (kind, line, sender, nowMs) => this.#record({ kind, line, sender, receivedMs: nowMs }),
    })
    this.#host = host
    if (this.#standsBy(host)) this.#link.send({ kind: 'standby' })
    else {
      try {
        await this.#listen(host, this.#intake)
      } catch (error) {
        this.#closeStore()
        throw error
      }
    }
    this.#timers.push(
      clock.every(SWEEP_MS, () => store.sweep(clock.now())),
      clock.every(RECORDS_MS, () => this.#sendRecords()),
    )
  }

  /** Takes what the kernel still holds, then closes. */
  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    this.#isEnding = true
    await this.#joining
    const listener = this.#listener
    this.#listener = undefined
    for (const stop of this.#timers.splice(0)) stop()
    await listener?.close(signal, () => this.#leave())
    this.#sendRecords()
    this.#closeStore()
  }

  receive(message: ToIngest): void {
    switch (message.kind) {
      case 'report':
        this.#link.send({ kind: 'report', id: message.id, report: this.#report() })
        break
      case 'listen':
        this.#joining = this.#join()
        break
      default: {
        const mapping = message.text === undefined ? undefined : loadMapping(message.text, message.file).mapping
        this.#mapping = { mapping }
        this.#whenMapped?.()
        this.#intake?.rename(namingOf(this.#config, mapping))
      }
    }
  }

  /** True when another worker reads datagrams, and this one need not yet. */
  #standsBy({ sharesPorts }: Host): boolean {
    const { readers, transport } = this.#config
    return sharesPorts && isUdp(transport) && readers > 0 && this.#link.worker >= readers
  }

  async #listen(host: Host, intake: Intake): Promise<void> {
    const listener = this.#createListener(intake)
    await listener.start(host)
    this.#listener = listener
    if (!(listener instanceof UdpListener)) return
    this.#udpPorts = [...new Set(listener.addresses.map(({ port }) => port))]
    this.#link.send({ kind: 'udp_ports', ports: this.#udpPorts })
    const load = new ThreadLoad()
    const look = (): void => {
      if (load.isBusy()) this.#link.send({ kind: 'busy' })
    }
    this.#timers.push(this.#settings.clock.every(LOAD_LOOK_MS, look))
  }

  /** Begins to listen although it did not at the start. */
  async #join(): Promise<void> {
    if (this.#isEnding || this.#host === undefined || this.#intake === undefined || this.#listener !== undefined) return
    try {
      await this.#listen(this.#host, this.#intake)
    } catch (error) {
      this.#settings.log.warn({ error: (error as Error).message }, 'worker cannot help to read datagrams')
    }
  }

  /** The mapping of the config, or of the file, which the main half has read for all workers. */
  async #firstMapping(): Promise<Mapping | undefined> {
    const { mapping, mapping_file: file } = this.#config
    if (mapping !== undefined) return checkMapping(mapping).mapping
    if (file === '') return undefined
    const { clock } = this.#settings
    await new Promise<void>((resolve, reject) => {
      const cancel = clock.after(MAPPING_MS, () => reject(new Error(`BUG: no mapping came from the main thread within ${MAPPING_MS} ms`)))
      this.#whenMapped = () => {
        cancel()
        resolve()
      }
      this.#link.send({ kind: 'hello' })
    })
    this.#whenMapped = undefined
    return this.#mapping?.mapping
  }

  #senders(): Senders | undefined {
    const known = this.#knownSenders()
    return this.#config.dialect === 'statsd_exporter' ? new ContainerSenders(known) : known
  }

  #knownSenders(): Senders | undefined {
    const { sender } = this.#config
    if (sender === 'ip') return new AddressSenders()
    const index = sender === 'kubernetes' ? identityOf(this.#settings) : undefined
    return index === undefined ? undefined : new PodSenders(index, this.#settings.clock)
  }

  #createListener(sink: Intake): Listener {
    const { transport, socket_permissions: socketPermissions, recv_buffer_bytes: recvBufferBytes } = this.#config
    const endpoint = endpointOf(this.#config)
    const { connections, opened, ended, recvBuffer } = this.#instruments
    const settings: ListenerSettings = {
      log: this.#settings.log,
      clock: this.#settings.clock,
      sink,
      connections: { open: (count) => connections.set(count), opened: () => opened.add(1), ended: (reason) => ended[reason].add(1) },
    }
    const granted = ({ bytes }: { readonly bytes: number }): void => recvBuffer.set(bytes)
    switch (transport) {
      case 'udp':
      case 'udp4':
      case 'udp6':
        return new UdpListener({ endpoint, transport, recvBufferBytes }, settings, granted)
      case 'unixgram':
        return new UnixDatagramListener({ endpoint, socketPermissions, recvBufferBytes }, settings, granted)
      default: {
        const { connections_max: connectionsMax, line_bytes_max: lineBytesMax } = this.#config
        const idleTimeoutMs = durationMs(this.#config.idle_timeout)
        return new StreamListener({ endpoint, transport, socketPermissions, connectionsMax, idleTimeoutMs, lineBytesMax }, settings)
      }
    }
  }

  /** Before the sockets are closed: afterwards nobody can say what they dropped. */
  #leave(): void {
    if (this.#udpPorts.length > 0) this.#link.send({ kind: 'kernel', rows: this.#udpPorts.flatMap((port) => ownUdpSockets(port) ?? []) })
  }

  #closeStore(): void {
    this.#store?.close()
    this.#store = undefined
    this.#intake = undefined
  }

  #record(record: RecordLine): void {
    if (this.#records.length >= RECORDS_MAX || this.#recordBytes + record.line.length > RECORD_BYTES_MAX) {
      this.#recordsDropped++
      return
    }
    this.#records.push(record)
    this.#recordBytes += record.line.length
  }

  #sendRecords(): void {
    if (this.#records.length === 0 && this.#recordsDropped === 0) return
    this.#link.send({ kind: 'records', records: this.#records, dropped: this.#recordsDropped })
    this.#records = []
    this.#recordBytes = 0
    this.#recordsDropped = 0
  }

  #report(): WorkerReport {
    return {
      clients: this.#clients.top(CLIENTS_SHOWN),
      rejected: this.#ledger.rejectedLines(),
      rules: Array.from(this.#intake?.rules() ?? [], ([name, rules]) => [name, [...rules]] as const),
      remembered: this.#intake?.remembered ?? 0,
    }
  }
}
