import { configSchema } from '../../component/config_schema.ts'
import type { Consumer, SignalData } from '../../component/consumer.ts'
import { defineExporter } from '../../component/factory.ts'
import { SIGNALS, type Signal } from '../../component/signal.ts'

/** What the `fake_sink` exporters of this thread have got, by component id. */
export const sunk = new Map<string, Sunk>()

/** What one of them has got, and what it does with the next batch. */
export class Sunk {
  readonly batches: { readonly signal: Signal; readonly batch: SignalData[Signal] }[] = []
  /** Called with every batch before it is kept: may throw, or take time. */
  onBatch: () => void | Promise<void> = () => {}

  consumer<S extends Signal>(signal: S): Consumer<SignalData[S]> {
    return {
      consume: (batch) => {
        const keep = (): void => void this.batches.push({ signal, batch })
        const waiting = this.onBatch()
        return waiting === undefined ? keep() : waiting.then(keep)
      },
    }
  }
}

/** Keeps batches of every signal for a test. */
export const fakeSink = defineExporter({
  type: 'fake_sink',
  description: 'Keeps what it gets for a test.',
  stability: { logs: 'development', metrics: 'development', traces: 'development' },
  config: configSchema({ type: 'object', additionalProperties: false, properties: { note: { type: 'string', default: '', description: 'For tests.' } } }),
  main: (settings) => {
    const sink = new Sunk()
    sunk.set(settings.id.text, sink)
    return { consumers: Object.fromEntries(SIGNALS.map((signal) => [signal, sink.consumer(signal)])) }
  },
})
