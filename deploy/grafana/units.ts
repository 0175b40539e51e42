/** The units that our panels have, by Grafana's names, and how Grafana writes values in them. */
export const UNITS = {
  short: 'a number; 1500 is 1.5 K',
  none: 'a number as it is',
  reqps: 'requests per second',
  cps: 'counts per second',
  percentunit: 'a share of 1 as percent',
  ms: 'milliseconds',
  s: 'seconds',
  bytes: 'bytes, in steps of 1024',
  Bps: 'bytes per second, in steps of 1000',
} as const

/** A unit of a panel, as Grafana calls it. */
export type Unit = keyof typeof UNITS
