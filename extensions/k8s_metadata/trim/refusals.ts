/** Why a part of an API object could not be used; the rest of the object still is. */
export type Refusal = 'bad_address' | 'bad_address_type' | 'no_host'

/** Is told once for every part that is left out. */
export type Refuse = (refusal: Refusal) => void
