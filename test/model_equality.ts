import { expect } from 'vitest'
import { AttributeSet } from '../model/attributes.ts'
import { LogRecord } from '../model/log_records.ts'
import { Span } from '../model/traces.ts'

/**
 * What makes up these is private, so that without this Vitest would hold any two of a class for equal. They are equal when
 * their members are, wherever these come from.
 */
expect.addEqualityTesters([
  function sameMembers(a: unknown, b: unknown): boolean | undefined {
    if (a instanceof AttributeSet && b instanceof AttributeSet) return this.equals([a.keys, a.values], [b.keys, b.values], [sameMembers])
    for (const kind of [LogRecord, Span]) if (a instanceof kind && b instanceof kind) return this.equals(a.toJSON(), b.toJSON(), [sameMembers])
    return undefined
  },
])
