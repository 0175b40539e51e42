import { samplesOf, sumOf } from './daemon.ts'

/** Both sides of every equation that must hold in the daemon's own telemetry, access logs from socket to series. */
export interface Ledger {
  readonly received: number
  readonly accepted: number
  readonly refused: number
  readonly dropped: number
  readonly processorIn: number
  readonly processorOut: number
  /** Sum over all outcomes of the connector. */
  readonly connector: number
  /** The part of `connector` that became requests or connections. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** Reads the ledger of the one pipeline the interop tests run. */
export function ledgerOf(own: string): Ledger {
  const outcomes: Record<string, number> = {}
  for (const { labels, value } of samplesOf(own, 'meshscope_connector_log_records')) {
    const key = [labels['outcome'], labels['reason']].filter((part) => part !== undefined && part !== '').join(' ')
    outcomes[key] = (outcomes[key] ?? 0) + value
  }
  return {
    received: sumOf(own, 'meshscope_receiver_received_log_records'),
    accepted: sumOf(own, 'otelcol_receiver_accepted_log_records'),
    refused: sumOf(own, 'otelcol_receiver_refused_log_records'),
    dropped: sumOf(own, 'meshscope_receiver_dropped_log_records'),
    processorIn: sumOf(own, 'otelcol_processor_incoming_items'),
    processorOut: sumOf(own, 'otelcol_processor_outgoing_items'),
    connector: sumOf(own, 'meshscope_connector_log_records'),
    outcomes,
  }
}

/** What is wrong with the sums; empty when they balance to the item. */
export function imbalances(ledger: Ledger): string[] {
  const { received, accepted, refused, dropped, processorIn, processorOut, connector } = ledger
  const wrong: string[] = []
  if (received !== accepted + refused + dropped) wrong.push(`received ${received} is not accepted ${accepted} + refused ${refused} + dropped ${dropped}`)
  if (processorIn !== accepted + refused) wrong.push(`processor took ${processorIn} of ${accepted + refused} handed to it`)
  if (processorOut !== processorIn) wrong.push(`processor passed on ${processorOut} of ${processorIn}`)
  if (connector !== processorOut) wrong.push(`connector accounts for ${connector} of ${processorOut}`)
  return wrong
}
