import type { KubeResource } from './resources.ts'

export type KubeVerb = 'list' | 'watch' | 'get' | 'create' | 'update' | 'patch' | 'delete'

/** A request as the server saw it, also when it was answered with a fault. */
export interface KubeRequest {
  /** 'other' for paths outside of the resources, such as /version. */
  readonly verb: KubeVerb | 'other'
  /** Undefined for paths outside of the resources. */
  readonly resource: KubeResource | undefined
  readonly namespace: string
  readonly name: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Milliseconds since the epoch. */
  readonly atMs: number
}

/** What goes wrong with a response. Bytes are those of the body on the wire, after compression. */
export type Fault =
  /** Another answer: a Status with this code. */
  | { readonly kind: 'status'; readonly code: number; readonly reason?: string; readonly message?: string; readonly retryAfterSeconds?: number }
  /** The connection is reset after so many bytes; with 0 before the head of the response. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** The connection is closed in the middle of the body. */
  | { readonly kind: 'close'; readonly afterBytes: number }
  /** Nothing more is sent, but the connection stays open. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** This text in the body after so many bytes (of a list), or as a line after so many events (of a watch). */
  | { readonly kind: 'garbage'; readonly text: string; readonly after: number }
  /** An ERROR event after so many events of a watch, which then ends. */
  | { readonly kind: 'error_event'; readonly code: number; readonly reason?: string; readonly message?: string; readonly after: number }
  /** The answer waits until the promise is resolved. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }

/** A fault and which requests meet it. What is left out matches everything. */
export interface FaultRule {
  readonly fault: Fault
  readonly verb?: KubeVerb
  readonly resource?: KubeResource
  /** How many requests meet it; 1 unless told otherwise. */
  readonly times?: number
  readonly when?: (request: KubeRequest) => boolean
}

/** The faults that are still to come, in the order in which they were added. */
export class FaultScript {
  readonly #rules: { readonly rule: FaultRule; left: number }[] = []

  /** Returns what takes the rule back. */
  add(rule: FaultRule): () => void {
    const entry = { rule, left: rule.times ?? 1 }
    this.#rules.push(entry)
    return () => {
      entry.left = 0
    }
  }

  /** The fault that a request meets; uses it up. */
  take(request: KubeRequest): Fault | undefined {
    const entry = this.#rules.find(
      ({ rule, left }) =>
        left > 0 && (rule.verb ?? request.verb) === request.verb && (rule.resource ?? request.resource) === request.resource && (rule.when?.(request) ?? true),
    )
    if (entry === undefined) return undefined
    entry.left--
    return entry.rule.fault
  }

  clear(): void {
    this.#rules.length = 0
  }
}
