import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { DeltaToCumulative } from './processor.ts'

/** The `deltatocumulative` processor: adds deltas up to cumulative sums and histograms. */
export const deltaToCumulativeProcessor = defineProcessor({
  type: 'deltatocumulative',
  aliases: ['delta_to_cumulative'],
  description: 'Adds deltas up to cumulative sums and histograms.',
  stability: { metrics: 'alpha' },
  runs: 'main',
  config,
  create: { metrics: (settings, checked, next) => new DeltaToCumulative(settings, checked, next) },
})
