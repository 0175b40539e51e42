/** One document of CloudWatch's embedded metric format, and where it is filed. */
export interface EmfDocument {
  /** A JSON object in one line, without a line break; it begins with `{"_aws":{`. */
  readonly json: string
  /** Milliseconds since the epoch; the same as its `_aws.Timestamp`. */
  readonly timestampMs: number
  readonly logGroup: string
  readonly logStream: string
  /** Data points in it; of a point that takes several documents the first one has it. */
  readonly points: number
}

/** Why points are in no document. */
export type DropReason =
  | 'initial'
  | 'no_value'
  | 'not_finite'
  | 'out_of_range'
  | 'out_of_order'
  | 'series_limit'
  | 'too_large'
  | 'undeclared'
  | 'empty'
  | 'aborted'

/** What was changed in points, or in the names of a series, so that CloudWatch takes them. */
export type ChangeReason =
  | 'label_name'
  | 'label_value'
  | 'metric_name'
  | 'namespace'
  | 'dimensions_cut'
  | 'custom_metrics_limit'
  | 'missing_placeholder'
  | 'log_streams_limit'

/** CloudWatch's limits for one document: "Specification: Embedded metric format" and "CloudWatch Logs quotas". */
export const METRICS_MAX = 100
export const VALUES_MAX = 100
export const DIMENSIONS_MAX = 30
/** Numbers lie between plus and minus this. */
export const NUMBER_MAX = 2 ** 360
