/** What is wrong with a statement, for `OttlError`. */
export interface OttlFault {
  /** What is wrong, in a few lower-case words: `unknown function Foo`. */
  readonly problem: string
  /** Where in the statement, counted in UTF-16 units from 0. */
  readonly offset: number
  readonly expected?: string
  readonly hint?: string
}

/** A statement or condition that cannot be used: not OTTL, or outside what is supported. Found before any data is. */
export class OttlError extends Error {
  override readonly name = 'OttlError'
  readonly fault: OttlFault

  constructor(fault: OttlFault, options?: { readonly cause: unknown }) {
    super(`${fault.problem} at column ${fault.offset + 1}`, options)
    this.fault = fault
  }

  /** Where in the statement, from 1. */
  get column(): number {
    return this.fault.offset + 1
  }
}

/** A statement that is right, but not for the data it met, such as `ToLowerCase` of an attribute that is not there. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError'
}
