import type { TruthSpan } from './trace_tree.ts'

/** What identifies a row of the truth: labels as Istio's standard metrics call them, without those the logs cannot tell. */
export type TruthLabels = Readonly<Record<string, string>>

/** Columns of a row, by kind. Bytes and durations are the sums that the metrics' `_sum` must show. */
export const HTTP_MEASURES = ['count', 'requestBytes', 'responseBytes', 'durationMs'] as const
export const TCP_MEASURES = ['entries', 'opened', 'closed', 'receivedBytes', 'sentBytes'] as const
const MEASURES_MAX = 5

/** The rows that a simulation can have; a row is known by its number from then on. */
export class TruthTable {
  readonly rows: { readonly kind: 'http' | 'tcp'; readonly labels: TruthLabels }[] = []
  readonly #rowIds = new Map<string, number>()

  rowOf(kind: 'http' | 'tcp', labels: TruthLabels): number {
    const key = JSON.stringify([kind, labels])
    const known = this.#rowIds.get(key)
    if (known !== undefined) return known
    const row = this.rows.length
    this.rows.push({ kind, labels })
    this.#rowIds.set(key, row)
    return row
  }
}

/** Sums per row. */
export class Tally {
  readonly #sums = new Map<number, Float64Array>()

  /** Adds to the columns of a row; the first is the number of entries. */
  add(row: number, entries: number, b: number, c: number, d: number, e = 0): void {
    const sums = this.#of(row)
    sums[0] = (sums[0] as number) + entries
    sums[1] = (sums[1] as number) + b
    sums[2] = (sums[2] as number) + c
    sums[3] = (sums[3] as number) + d
    sums[4] = (sums[4] as number) + e
  }

  /** Adds everything from `other` and empties it. */
  take(other: Tally): void {
    for (const [row, sums] of other.#sums) this.add(row, ...(sums as unknown as [number, number, number, number, number]))
    other.clear()
  }

  clear(): void {
    this.#sums.clear()
  }

  /** Entries over all rows. */
  get entries(): number {
    let entries = 0
    for (const sums of this.#sums.values()) entries += sums[0] as number
    return entries
  }

  /** The sums of a row in the order of its kind's measures; undefined when nothing was added to it. */
  get(row: number): Float64Array | undefined {
    return this.#sums.get(row)
  }

  #of(row: number): Float64Array {
    let sums = this.#sums.get(row)
    if (sums === undefined) {
      sums = new Float64Array(MEASURES_MAX)
      this.#sums.set(row, sums)
    }
    return sums
  }
}

/** What a simulation writes with `--truth`: plain JSON. */
export interface TruthDocument {
  readonly format: 'meshscope-simulate-truth/1'
  readonly seed: string
  /** Requests that reached the gateway. */
  readonly requests: number
  readonly entries: {
    /** Sent on streams that the receiver ended with OK: what the rows below add up to. */
    readonly confirmed: number
    /** Sent on streams that broke: the receiver may have counted them or not. */
    readonly unconfirmed: number
    /** Never sent, because there was no stream or it was stalled. */
    readonly lost: number
  }
  readonly http: readonly TruthRow[]
  readonly tcp: readonly TruthRow[]
  /** Spans of the proxies, sent or not, up to a number; only when they trace. */
  readonly spans?: readonly TruthSpan[]
}

export type TruthRow = { readonly labels: TruthLabels } & Readonly<Record<string, number | TruthLabels>>

/** Puts the confirmed sums into the document's rows, in the order of their labels. */
export function truthRows(table: TruthTable, tally: Tally, kind: 'http' | 'tcp'): TruthRow[] {
  const measures = kind === 'http' ? HTTP_MEASURES : TCP_MEASURES
  const rows: { readonly order: string; readonly row: TruthRow }[] = []
  for (const [id, { kind: rowKind, labels }] of table.rows.entries()) {
    const sums = tally.get(id)
    if (rowKind !== kind || sums === undefined) continue
    rows.push({ order: JSON.stringify(labels), row: { labels, ...Object.fromEntries(measures.map((measure, i) => [measure, sums[i] as number])) } })
  }
  return rows.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ row }) => row)
}
