import { Control } from './layout.ts'

/** The prefix lengths that CIDRs of services have, the longest first. */
export function prefixLengths(control: Int32Array, family: 4 | 6): readonly number[] {
  const at = family === 4 ? Control.prefixes4 : Control.prefixes6
  const lengths: number[] = []
  for (let bits = family === 4 ? 32 : 128; bits >= 0; bits--) if ((((control[at + (bits >>> 5)] ?? 0) >>> (bits & 31)) & 1) !== 0) lengths.push(bits)
  return lengths
}
