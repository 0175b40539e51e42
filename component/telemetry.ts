/** What a metric of the daemon itself is called and means; served on the own-telemetry endpoint. */
export interface InstrumentSpec {
  /** The full name as exposed, without `_total`: `otelcol_receiver_accepted_log_records`, `meshscope_…`. */
  readonly name: string
  readonly description: string
  /** UCUM unit such as `{records}`, `By`, `s`. */
  readonly unit: string
  /** `counter` only grows; `gauge` is set. */
  readonly type: 'counter' | 'gauge'
  /** Label keys that a component passes when it creates the instrument; for the generated documentation. */
  readonly labels?: Readonly<Record<string, string>>
}

/** A number that only grows. `add` is cheap enough to be called once per batch, never once per item. */
export interface Counter {
  add(value: number): void
}

/** A number that is set to what it is now. In several ingest workers the values of one gauge are added up. */
export interface Gauge {
  set(value: number): void
}

/**
 * Creates instruments of the daemon's own telemetry. Labels are fixed when an instrument is created, so adding to it
 * creates nothing. The same spec and labels give the same instrument. Counts made in an ingest worker are kept when
 * that worker dies.
 */
export interface Telemetry {
  counter(spec: InstrumentSpec, labels?: Readonly<Record<string, string>>): Counter
  gauge(spec: InstrumentSpec, labels?: Readonly<Record<string, string>>): Gauge
}
