/** Who sent a batch over a connection of its own; part of the batch, and gone when batches of several clients are merged. */
export interface Client {
  /** `ip:port`, `[ipv6]:port` or `unix`. */
  readonly address: string
  /** Headers of the request under lowercase names, when the receiver has `include_metadata`. */
  readonly metadata?: Readonly<Record<string, readonly string[]>>
  /** What the authenticator of the listener found out about the sender, such as `subject`. */
  readonly auth?: Readonly<Record<string, string>>
}
