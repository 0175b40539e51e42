import type { Clock } from '../../../component/component.ts'
import type { AttributeValue } from '../../../model/attributes.ts'
import type { Machine } from './machine.ts'

/** Attributes by name; undefined is left out. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>

/** What a detector found. */
export interface Found {
  readonly attributes: Attributes
  /** What could not be found, as a sentence for the operator; what was found is used all the same. */
  readonly problem?: string
}

/** What a detector may use. */
export interface DetectorContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly machine: Machine
  readonly clock: Clock
  readonly timeoutMs: number
  /** Aborts when the time is over or the result is no longer wanted. */
  readonly signal: AbortSignal
  /** Whether an attribute would be used, so that nothing is asked for in vain. */
  readonly wants: (attribute: string) => boolean
}

/** The place is not one that the detector is for. That is no fault: a config may name detectors for all places that it is used at. */
export class NotHereError extends Error {
  override readonly name = 'NotHereError'
  /** True when it cannot become otherwise while the process runs, so that nobody need ask again. */
  readonly isFinal: boolean

  constructor(message: string, options: ErrorOptions & { readonly isFinal: boolean }) {
    super(message, options)
    this.isFinal = options.isFinal
  }
}

/** Finds out where the process runs. Rejects with a sentence for the operator when it finds nothing, by a `NotHereError` where it has no place. */
export type Detect = (context: DetectorContext) => Found | Promise<Found>

/** Text of an object that came as JSON; undefined when there is none or it is empty. */
export function textIn(object: unknown, key: string): string | undefined {
  if (typeof object !== 'object' || object === null) return undefined
  const value = (object as Readonly<Record<string, unknown>>)[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}
