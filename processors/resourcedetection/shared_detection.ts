import type { Settings } from '../../component/component.ts'
import type { ResourceDetectionConfig } from './config.ts'
import { Detection } from './detection.ts'

/** By config: the graph gives all instances of one id, of which every pipeline has one, the same object. */
const detections = new WeakMap<ResourceDetectionConfig, Detection>()

/** The detection that all processors of one id in this thread share, so that services are asked once and starts wait once. */
export function sharedDetection(settings: Settings, config: ResourceDetectionConfig): Detection {
  let detection = detections.get(config)
  if (detection === undefined) {
    detection = new Detection(settings, config)
    detections.set(config, detection)
  }
  return detection
}
