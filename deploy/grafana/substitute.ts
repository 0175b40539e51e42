/** What Grafana does to an expression before it asks Prometheus: put values in place of variables. */

/** Grafana's own variables for a scrape every second; a panel of an hour has others, but none of another form. */
export const INTERVALS: Readonly<Record<string, string>> = { __rate_interval: '5m', __interval: '15s', __range: '1h' }

const VARIABLE = /\$\{(\w+)(?::\w+)?\}|\$(\w+)/g

/** The variables that a text names, without those of regular expressions (`$1`). */
export function variablesIn(text: string): string[] {
  return Array.from(text.matchAll(VARIABLE), ([, braced, plain]) => braced ?? plain ?? '').filter((name) => !/^\d+$/.test(name))
}

/** The text with values in place of the variables that have one; all else stays, `$1` of label_replace among it. */
export function substitute(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(VARIABLE, (whole, braced: string | undefined, plain: string | undefined) => values[braced ?? plain ?? ''] ?? whole)
}
