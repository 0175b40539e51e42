/** Keys that a fake of AWS has given out: the secret of each, its session token, and until when it is good. */
export interface IssuedCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Empty for the lasting keys of a user. */
  readonly sessionToken: string
  /** Milliseconds since the epoch; Infinity for lasting keys. */
  readonly expiresMs: number
}

/** What is to be said of a key that a request was signed with. */
export type KeyVerdict = { readonly secret: string } | { readonly refused: 'unknown' | 'expired' }

/** The keys in AWS's documentation. */
export const EXAMPLE_KEY: IssuedCredentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: '',
  expiresMs: Number.POSITIVE_INFINITY,
}

/**
 * The account's keys: fakes that give out credentials write them here, and fakes of services look them up. Starts with
 * `EXAMPLE_KEY`. Time is what `now` says, in milliseconds.
 */
export class CredentialBook {
  readonly #keys = new Map<string, IssuedCredentials>([[EXAMPLE_KEY.accessKeyId, EXAMPLE_KEY]])
  readonly #now: () => number
  #issued = 0

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** How many were given out. */
  get issued(): number {
    return this.#issued
  }

  /** New credentials of a role that are good for `ttlMs`. */
  issue(ttlMs: number): IssuedCredentials {
    const number = String(++this.#issued)
    const issued = {
      accessKeyId: `ASIAEXAMPLE${number.padStart(9, '0')}`,
      secretAccessKey: `secret/of+${number}`.padEnd(40, 'x'),
      sessionToken: `token+of/${number}==`,
      expiresMs: this.#now() + ttlMs,
    }
    this.#keys.set(issued.accessKeyId, issued)
    return issued
  }

  /** Makes every key of a role expire now, as an administrator does who ends all sessions. */
  expireAll(): void {
    for (const [id, key] of this.#keys) if (key.sessionToken !== '') this.#keys.set(id, { ...key, expiresMs: this.#now() })
  }

  /** The secret of a key, or why a request that it signed is refused. */
  look(accessKeyId: string, sessionToken: string): KeyVerdict {
    const key = this.#keys.get(accessKeyId)
    if (key === undefined || key.sessionToken !== sessionToken) return { refused: 'unknown' }
    return key.expiresMs <= this.#now() ? { refused: 'expired' } : { secret: key.secretAccessKey }
  }
}
