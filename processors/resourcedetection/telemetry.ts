import type { InstrumentSpec } from '../../component/telemetry.ts'

export const detections: InstrumentSpec = {
  name: 'meshscope_processor_resourcedetection_detections',
  description: 'How often a detector was asked what it finds.',
  unit: '{detections}',
  type: 'counter',
  labels: {
    processor: 'id of the processor',
    detector: 'name of the detector',
    outcome:
      '`ok`; `partial`: something is missing; `failed`: nothing was found, what was found before still holds; `not_here`: this is not the place that the detector is for',
  },
}
