/** The three kinds of events that statsd_exporter knows; a mapping rule may be for one of them only. */
export type EventType = 'counter' | 'gauge' | 'observer'

export const EVENT_TYPES: readonly EventType[] = ['counter', 'gauge', 'observer']

/** A glob rule as the tree keeps it. */
export interface Glob {
  /** Dot-separated segments; a `*` stands for one whole segment. */
  readonly match: string
  /** Undefined: for all. */
  readonly type: EventType | undefined
}

/** A rule that fits a name: its place in the list of globs, and what stands where its `*`s are. */
export interface GlobHit {
  readonly glob: number
  readonly captures: readonly string[]
}

interface State {
  readonly next: Map<string, State>
  /** Fewest and most segments that may follow. */
  restMin: number
  restMax: number
  /** The rule that ends here. */
  glob: number | undefined
  /** Lower goes first. */
  priority: number
}

/**
 * Glob rules as a tree by segments, with the order of statsd_exporter's state machine.
 *
 * With ordering the first rule of the list that fits wins. Without it, at each segment a literal goes before `*`. Two oddities
 * of that state machine are kept, because a mapping that was tuned against it relies on them: a rule whose path is the
 * beginning of an earlier, longer rule is never reached; and a rule that is there twice keeps what the first says but takes
 * the place in the order of the last.
 */
export class GlobTree {
  readonly #roots: ReadonlyMap<EventType, State>
  readonly #isOrdered: boolean
  readonly #goesBack: boolean

  constructor(globs: readonly Glob[], options: { readonly isOrdered: boolean }) {
    this.#roots = new Map(EVENT_TYPES.map((type) => [type, emptyState(0)]))
    this.#isOrdered = options.isOrdered
    this.#goesBack = options.isOrdered || needsGoingBack(globs.map(({ match }) => match.split('.')))
    for (const [index, glob] of globs.entries()) this.#add(glob, index)
  }

  /** The rule for a name; undefined when none fits. */
  find(name: string, type: EventType): GlobHit | undefined {
    const search: Search = { fields: name.split('.'), isOrdered: this.#isOrdered, goesBack: this.#goesBack, captures: [], best: undefined, hit: undefined }
    const root = this.#roots.get(type)
    if (root !== undefined) descend(search, root, 0)
    return search.hit
  }

  #add({ match, type }: Glob, index: number): void {
    const fields = match.split('.')
    for (const [rootType, root] of this.#roots) {
      if (type !== undefined && type !== rootType) continue
      let state = root
      for (const [at, field] of fields.entries()) {
        const rest = fields.length - at - 1
        let next = state.next.get(field)
        if (next === undefined) {
          next = emptyState(rest)
          if (rest === 0) next.glob = index
          state.next.set(field, next)
        } else {
          next.restMin = Math.min(next.restMin, rest)
          next.restMax = Math.max(next.restMax, rest)
        }
        state = next
      }
      state.priority = index
    }
  }
}

interface Search {
  readonly fields: readonly string[]
  readonly isOrdered: boolean
  readonly goesBack: boolean
  readonly captures: string[]
  best: State | undefined
  hit: GlobHit | undefined
}

/** Returns true when the search is over. */
function descend(search: Search, from: State, at: number): boolean {
  const { fields } = search
  const field = fields[at] as string
  const rest = fields.length - at - 1
  const literal = fitting(from.next.get(field), rest)
  if (literal !== undefined && field !== '*') {
    if (arrive(search, literal, at)) return true
    if (!search.goesBack) return false
  }
  const any = fitting(from.next.get('*'), rest)
  if (any === undefined) return false
  search.captures.push(field)
  const isOver = arrive(search, any, at)
  search.captures.pop()
  return isOver
}

function arrive(search: Search, state: State, at: number): boolean {
  if (at < search.fields.length - 1) return descend(search, state, at + 1)
  if (state.glob === undefined) return false
  if (search.best === undefined || search.best.priority > state.priority) {
    search.best = state
    search.hit = { glob: state.glob, captures: [...search.captures] }
  }
  return !search.isOrdered
}

function fitting(state: State | undefined, rest: number): State | undefined {
  return state !== undefined && rest >= state.restMin && rest <= state.restMax ? state : undefined
}

function emptyState(rest: number): State {
  return { next: new Map(), restMin: rest, restMax: rest, glob: undefined, priority: 0 }
}

/** Whether statsd_exporter, with ordering disabled, tries `*` after a literal led nowhere; without that it gives up. */
function needsGoingBack(globs: readonly (readonly string[])[]): boolean {
  return globs.some((glob, index) => {
    const peers = globs.filter((other, at) => at !== index && other.length === glob.length)
    const isTornAway = glob.some((field, at) => field === '*' && peers.some((peer) => startsLike(peer, glob, at)))
    return isTornAway && !peers.some((peer) => covers(glob, peer) || covers(peer, glob))
  })
}

function startsLike(peer: readonly string[], glob: readonly string[], fields: number): boolean {
  return glob.slice(0, fields).every((field, at) => peer[at] === field)
}

/** True when every name that `narrow` fits also fits `wide`; both have the same number of segments. */
function covers(wide: readonly string[], narrow: readonly string[]): boolean {
  return wide.every((field, at) => field === '*' || field === narrow[at])
}
