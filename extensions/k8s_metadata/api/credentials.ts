/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What a TLS connection to the API server is made with. Texts are PEM. */
export interface TlsMaterial {
  /** The authorities of the server's certificate; undefined for those that the system trusts. */
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  /** The name that the server's certificate must have; empty for the host in the address. */
  readonly serverName: string
  /** True when the server's certificate is not looked at. */
  readonly isUnverified: boolean
}

/** What goes with a request. Secret: never to be printed. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly tls: TlsMaterial
}

/** The way to one API server. */
export interface Access {
  /** `https://host:port`, perhaps with a path, without a slash at the end. */
  readonly server: string
  /** The namespace of the service account or of the context; empty when there is none. */
  readonly namespace: string
  /**
   * The credentials as they are now: files that are replaced are seen within a minute, and what expires is renewed.
   * Rejects with an `AccessError` when there are none.
   */
  credentials(): Promise<Credentials>
  /** Forgets what is remembered, so that the next `credentials()` looks anew; for when the server has refused them. */
  expire(): void
}
