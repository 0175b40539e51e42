import type { AwsEmfConfig } from '../config.ts'
import type { DimensionChooser } from './dimensions.ts'
import type { ChangeReason } from './document.ts'
import { metricName } from './names.ts'
import { presetUnit } from './presets.ts'
import { CLOUDWATCH_UNITS, cloudWatchUnit } from './units.ts'

/** A metric as documents have it. */
export interface MetricName {
  readonly name: string
  /** Its name as the key of a JSON object, with the colon. */
  readonly jsonKey: string
  /** Its `MetricDefinition` as JSON. */
  readonly definition: string
  /** What values are multiplied by to be in its unit. */
  readonly scale: number
  /** True for what is counted: values of several series can be added up. */
  readonly isAdditive: boolean
  readonly declarations: ReturnType<DimensionChooser['declarationsOf']>
}

/** Names that are remembered. */
const NAMES_MAX = 10_000

/** Names metrics and their units by the settings. */
export class MetricNamer {
  readonly #descriptors: ReadonlyMap<string, AwsEmfConfig['metric_descriptors'][number]>
  readonly #preset: AwsEmfConfig['metric_declaration_preset']
  readonly #resolution: number
  readonly #known = new Map<string, MetricName>()
  readonly #chooser: DimensionChooser
  readonly #onChanged: (reason: ChangeReason) => void

  constructor(config: AwsEmfConfig, chooser: DimensionChooser, onChanged: (reason: ChangeReason) => void) {
    this.#descriptors = new Map(config.metric_descriptors.map((descriptor) => [descriptor.metric_name, descriptor]))
    this.#preset = config.metric_declaration_preset
    this.#resolution = config.storage_resolution
    this.#chooser = chooser
    this.#onChanged = onChanged
  }

  /** `unit` is UCUM's. Equal metrics mostly are the same object. */
  name(given: string, unit: string, isAdditive: boolean): MetricName {
    const text = `${isAdditive}|${unit}|${given}`
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const made = this.#named(given, unit, isAdditive)
    if (this.#known.size >= NAMES_MAX) this.#known.clear()
    this.#known.set(text, made)
    return made
  }

  #named(given: string, unit: string, isAdditive: boolean): MetricName {
    const name = metricName(given)
    if (name !== given) this.#onChanged('metric_name')
    const wanted = this.#unit(given, unit)
    const definition = {
      Name: name,
      ...(wanted.unit === 'None' ? {} : { Unit: wanted.unit }),
      ...(this.#resolution === 1 ? { StorageResolution: 1 } : {}),
    }
    return {
      name,
      jsonKey: `${JSON.stringify(name)}:`,
      definition: JSON.stringify(definition),
      scale: wanted.scale,
      isAdditive,
      declarations: this.#chooser.declarationsOf(given),
    }
  }

  #unit(name: string, unit: string): { readonly unit: string; readonly scale: number } {
    const descriptor = this.#descriptors.get(name)
    if (descriptor !== undefined && (descriptor.overwrite || unit === '')) return { unit: descriptor.unit, scale: 1 }
    const known = unit === '' ? presetUnit(this.#preset, name) : undefined
    return known === undefined ? cloudWatchUnit(unit) : { unit: known, scale: 1 }
  }
}

/** What is wrong with descriptors beyond what the schema says, with its place; for the check of the config. */
export function descriptorProblems({ metric_descriptors: descriptors }: Pick<AwsEmfConfig, 'metric_descriptors'>) {
  return descriptors.flatMap(({ unit }, i) => {
    if (CLOUDWATCH_UNITS.has(unit)) return []
    const nearest = cloudWatchUnit(unit).unit
    const hint = nearest === 'None' ? undefined : `write ${nearest}`
    const expected = `one of ${[...CLOUDWATCH_UNITS].join(', ')}`
    return [{ path: ['metric_descriptors', i, 'unit'], problem: 'not a unit of CloudWatch', expected, found: unit, ...(hint === undefined ? {} : { hint }) }]
  })
}
