interface Owner {
  readonly name: string
  readonly shape: string
  families: number
}

/**
 * Who has which metric name. The first kind of metric that uses a name has it; other kinds, and the same kind with other
 * buckets or quantiles, get the name with their kind appended, until the last family that holds the name has let it go.
 */
export class FamilyNames {
  /** Families that did not get the name they asked for, since the beginning. */
  conflicts = 0
  readonly #owners = new Map<string, Owner>()

  /**
   * The name under which a family is known; to be given back with `release`. Families of equal `shape`, which says what
   * their points look like, share a name.
   */
  claim(name: string, kind: string, shape: string): string {
    for (let attempt = 0; ; attempt++) {
      const candidate = attempt === 0 ? name : attempt === 1 ? `${name}_${kind}` : `${name}_${kind}_${attempt}`
      const owner = this.#owners.get(candidate)
      if (owner !== undefined && (owner.name !== name || owner.shape !== shape)) continue
      if (owner === undefined) this.#owners.set(candidate, { name, shape, families: 1 })
      else owner.families++
      if (attempt > 0) this.conflicts++
      return candidate
    }
  }

  /** Lets go of a name that `claim` gave. */
  release(claimed: string): void {
    const owner = this.#owners.get(claimed)
    if (owner === undefined) throw new Error(`BUG: metric name ${claimed} is released but nobody has it`)
    owner.families--
    if (owner.families === 0) this.#owners.delete(claimed)
  }
}
