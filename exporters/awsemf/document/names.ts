/**
 * Names and values as CloudWatch takes them ("Specification: Embedded metric format", and `Dimension` and `MetricDatum` of its
 * API). What it would refuse is replaced, so that nothing is lost; different texts stay different where that is possible.
 */

const LABEL_NAME_MAX = 250
const LABEL_VALUE_MAX = 1024
const METRIC_NAME_MAX = 255
const NAMESPACE_MAX = 255
/** A member of every document that is CloudWatch's own. */
const RESERVED = '_aws'

const PRINTABLE = /^[\x20-\x7e]*$/

/** The key of a label: printable ASCII, not blank, not beginning with a colon. */
export function labelName(text: string): string {
  const printable = ascii(text).replace(/^:/, '_')
  const named = printable.trim() === '' ? '_' : printable
  return (named === RESERVED ? `${RESERVED}_` : named).slice(0, LABEL_NAME_MAX)
}

/** The value of a label that may be a dimension: printable ASCII; empty when it is blank. */
export function labelValue(text: string): string {
  const printable = ascii(text)
  return printable.trim() === '' ? '' : printable.slice(0, LABEL_VALUE_MAX)
}

/** The name of a metric: printable ASCII, not blank. */
export function metricName(text: string): string {
  const printable = ascii(text)
  const named = printable.trim() === '' ? '_' : printable
  return (named === RESERVED ? `${RESERVED}_` : named).slice(0, METRIC_NAME_MAX)
}

/** A namespace: letters, digits, blanks and `. - _ / # :`; not one of AWS's own, which begin with `AWS/`. */
export function namespaceName(text: string): string {
  const named = text
    .replace(/[^A-Za-z0-9 .\-_/#:]/g, '_')
    .replace(/^AWS\//, 'AWS_')
    .replace(/^:/, '_')
  return named.trim() === '' ? 'default' : named.slice(0, NAMESPACE_MAX)
}

/** The name of a log group: `PutLogEvents` of CloudWatch Logs. */
export function logGroupName(text: string): string {
  return text.replace(/[^A-Za-z0-9_\-/.#]/g, '_').slice(0, 512)
}

/** The name of a log stream, which must not hold `:` and `*`. */
export function logStreamName(text: string): string {
  return text.replace(/[:*]|[^\x20-\x7e]/g, '_').slice(0, 512)
}

/** Anything but printable ASCII as the percent-encoding of its UTF-8, as in a URL. */
function ascii(text: string): string {
  if (PRINTABLE.test(text)) return text
  return text
    .toWellFormed()
    .replace(/[^\x20-\x7e]/gu, (character) => (character < ' ' || character === '\x7f' ? percent(character) : encodeURIComponent(character)))
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
