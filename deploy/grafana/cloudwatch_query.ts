/** What a query asks CloudWatch for. */
export interface CloudWatchQuery {
  readonly metric: string
  /** All dimensions of the metric, in the order in which they are named. */
  readonly dimensions: readonly string[]
}

/** Reads a query of Metrics Insights, or a search expression, as our dashboard writes them. */
export function cloudWatchQuery(target: Readonly<Record<string, unknown>>): CloudWatchQuery {
  const text = [target['sqlExpression'], target['expression']].filter((part) => typeof part === 'string').join(' ')
  const [, , inSql] = /SCHEMA\(("[^"]*"), ([^)]*)\)/.exec(text) ?? []
  const [, inSearch] = /\{\$\{metric_namespace\},([^}]*)\}/.exec(text) ?? []
  const metric = /SUM\((\w+)\)/.exec(text)?.[1] ?? /MetricName="(\w+)"/.exec(text)?.[1] ?? ''
  return { metric, dimensions: (inSql ?? inSearch ?? '').split(/, ?/) }
}
