import type { StreamDocuments, WaitingDocument } from './blocks.ts'

const LINE_END = Buffer.from('\n')

/** Documents as lines of one text. */
export function linesOf(documents: readonly WaitingDocument[]): Buffer {
  return Buffer.concat(documents.flatMap(({ json }) => [json, LINE_END]))
}

/** The documents of all streams, in the streams' order. */
export function documentsOf(streams: readonly StreamDocuments[]): readonly WaitingDocument[] {
  return streams.flatMap(({ documents }) => documents)
}

const METADATA = '{"_aws":{'

/**
 * A document as the CloudWatch agent takes it: the member `_aws` says into which log stream it belongs
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Generation_CloudWatch_Agent.html).
 */
export function routedDocument({ json, timestampMs, points }: WaitingDocument, { logGroup, logStream }: StreamDocuments): WaitingDocument {
  const names = `"LogGroupName":${JSON.stringify(logGroup)},"LogStreamName":${JSON.stringify(logStream)}`
  const text = json.toString('utf8')
  // The encoder writes it first. `"_aws":{}` has no member that a comma would go before.
  if (text.startsWith(METADATA)) {
    const rest = text.slice(METADATA.length)
    return { timestampMs, points, json: Buffer.from(`${METADATA}${names}${rest.startsWith('}') ? '' : ','}${rest}`) }
  }
  const members = text.slice(1)
  const metadata = `${METADATA}"Timestamp":${timestampMs},"CloudWatchMetrics":[],${names}}`
  // A plain log event: without the member the agent would not know where it belongs.
  return { timestampMs, points, json: Buffer.from(`${metadata}${members === '}' ? '' : ','}${members}`) }
}
