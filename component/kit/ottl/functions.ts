import { AGGREGATION } from './functions/aggregate.ts'
import { CHECKS } from './functions/checks.ts'
import { CONVERSIONS } from './functions/conversions.ts'
import { EDITORS } from './functions/editors.ts'
import type { Converter, Editor } from './functions/function.ts'
import { METRIC_EDITORS } from './functions/metric_editors.ts'
import { REPLACEMENTS } from './functions/replacements.ts'
import { TEXTS } from './functions/texts.ts'
import { TIMES } from './functions/times.ts'

/**
 * The functions that are supported, by name; a part of those at
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/pkg/ottl/ottlfuncs/README.md
 */
export const FUNCTIONS: ReadonlyMap<string, Converter | Editor> = new Map(
  [...EDITORS, ...REPLACEMENTS, ...METRIC_EDITORS, AGGREGATION, ...CHECKS, ...CONVERSIONS, ...TEXTS, ...TIMES].map((spec) => [spec.name, spec]),
)
