import type { Telemetry } from '../../component/telemetry.ts'
import { events, indexBytes, malformed, objects, receivedBytes, refused, relists, waitingPods, watchesFailing, watchSilence, watchSynced } from './telemetry.ts'
import type { WatchReport, WatchState } from './watch_protocol.ts'

/** Turns the reports of the watch thread into the own telemetry. */
export class ReportMetrics {
  readonly #telemetry: Telemetry
  readonly #extension: string
  /** Totals as last seen, by instrument and labels; those of a thread that was started again begin at 0. */
  #seen = new Map<string, number>()
  #life = 0

  constructor(telemetry: Telemetry, extension: string) {
    this.#telemetry = telemetry
    this.#extension = extension
  }

  /** Takes a report; `life` is that of the thread, `nowMs` the time since the epoch. */
  show(report: WatchReport, { life, nowMs }: { readonly life: number; readonly nowMs: number }): void {
    if (life !== this.#life) this.#seen = new Map()
    this.#life = life
    this.#countTotals(report)
    const extension = this.#extension
    for (const [kind, count] of Object.entries(report.store.objects)) this.#telemetry.gauge(objects, { extension, kind }).set(count)
    const { journalBytes, liveBytes, tableBytes } = report.store
    for (const [part, bytes] of Object.entries({ journal: journalBytes, live: liveBytes, table: tableBytes }))
      this.#telemetry.gauge(indexBytes, { extension, part }).set(bytes)
    this.#telemetry.gauge(waitingPods, { extension }).set(report.waitingPods)
    for (const [resource, watches] of byResource(report.watches)) this.#showWatches(resource, watches, nowMs)
  }

  #countTotals({ totals, refused: reasons }: WatchReport): void {
    const extension = this.#extension
    for (const { resource, events: types, relists: causes, bytes, malformed: lines } of totals) {
      for (const [type, total] of Object.entries(types)) this.#count(events, { extension, resource, type }, total)
      for (const [reason, total] of Object.entries(causes)) this.#count(relists, { extension, resource, reason }, total)
      this.#count(receivedBytes, { extension, resource }, bytes)
      this.#count(malformed, { extension, resource }, lines)
    }
    for (const [reason, total] of Object.entries(reasons)) this.#count(refused, { extension, reason }, total)
  }

  #count(spec: Parameters<Telemetry['counter']>[0], labels: Readonly<Record<string, string>>, total: number): void {
    const key = `${spec.name} ${Object.values(labels).join(' ')}`
    const before = this.#seen.get(key)
    this.#seen.set(key, total)
    if (before === total) return
    // Also when it is 0: an alert can only look at what is there.
    this.#telemetry.counter(spec, labels).add(total - (before ?? 0))
  }

  #showWatches(resource: string, watches: readonly WatchState[], nowMs: number): void {
    const labels = { extension: this.#extension, resource }
    this.#telemetry.gauge(watchSynced, labels).set(watches.filter(({ state }) => state === 'synced').length)
    this.#telemetry.gauge(watchesFailing, labels).set(watches.filter(({ state }) => state === 'retrying' || state === 'forbidden').length)
    const silence = watches.map(({ lastEventMs }) => (lastEventMs === 0 ? 0 : Math.max(0, nowMs - lastEventMs) / 1000))
    this.#telemetry.gauge(watchSilence, labels).set(Math.max(0, ...silence))
  }
}

function byResource(watches: readonly WatchState[]): Map<string, WatchState[]> {
  const groups = new Map<string, WatchState[]>()
  for (const watch of watches) groups.set(watch.resource, [...(groups.get(watch.resource) ?? []), watch])
  return groups
}
