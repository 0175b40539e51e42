/** Envoy's short codes of `ResponseFlags`; index `n` is field `n + 1` and bit `n` of the `flags` column (spec: als.md §1.3). */
export const RESPONSE_FLAG_CODES = [
  'LH',
  'UH',
  'UT',
  'LR',
  'UR',
  'UF',
  'UC',
  'UO',
  'NR',
  'DI',
  'FI',
  'RL',
  'UAEX',
  'RLSE',
  'DC',
  'URX',
  'SI',
  'IH',
  'DPE',
  'UMSDR',
  'RFCF',
  'NFCF',
  'DT',
  'UPE',
  'NC',
  'OM',
  'DF',
  'DR',
] as const

export type ResponseFlagCode = (typeof RESPONSE_FLAG_CODES)[number]

/** A mask of the `flags` column as Envoy and Istio write it: short codes in the order of the fields, `-` when none is set. */
export function responseFlagsText(mask: number): string {
  const codes = RESPONSE_FLAG_CODES.filter((_, bit) => (mask & (1 << bit)) !== 0)
  return codes.length === 0 ? '-' : codes.join(',')
}

/** The mask of some short codes. */
export function responseFlagsMask(codes: readonly ResponseFlagCode[]): number {
  let mask = 0
  for (const code of codes) mask |= 1 << RESPONSE_FLAG_CODES.indexOf(code)
  return mask >>> 0
}
