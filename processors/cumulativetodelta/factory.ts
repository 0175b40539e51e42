import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { CumulativeToDelta } from './processor.ts'

/** The `cumulativetodelta` processor: turns cumulative sums and histograms into deltas. */
export const cumulativeToDeltaProcessor = defineProcessor({
  type: 'cumulativetodelta',
  aliases: ['cumulative_to_delta'],
  description: 'Turns cumulative sums and histograms into deltas.',
  stability: { metrics: 'alpha' },
  runs: 'main',
  config,
  create: { metrics: (settings, checked, next) => new CumulativeToDelta(settings, checked, next) },
})
