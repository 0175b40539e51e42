/** An API object as parsed from JSON; only `metadata` is certain to have its form. */
export interface ApiObject {
  readonly metadata: ApiMetadata
  readonly [field: string]: unknown
}

export interface ApiMetadata {
  readonly name: string
  /** Empty for objects without a namespace. */
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly [field: string]: unknown
}

/**
 * Takes what a reflector sees of one resource. Calls come in order; an object handed over is not kept by the reflector, so
 * that the whole of it lives no longer than its page.
 */
export interface ResourceSink {
  /** A complete list begins: what is not put before `listed` is gone. */
  listing(): void
  /** An item of a list, or an object that was added or modified. */
  put(object: ApiObject): void
  /** The object was deleted; `object` is its last state. */
  gone(object: ApiObject): void
  /** The list is complete. */
  listed(): void
}
