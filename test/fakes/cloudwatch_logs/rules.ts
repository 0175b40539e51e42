/** The rules of the CloudWatch Logs API for names, retention, tags and batches (AWS's API reference of CloudWatch Logs). */

/** Why a call is refused. */
export class LogsFault extends Error {
  readonly type: string
  readonly status: number

  constructor(type: string, message: string, status = 400) {
    super(message)
    this.type = type
    this.status = status
  }
}

export interface InputEvent {
  readonly timestamp: number
  readonly message: string
}

export const BATCH_BYTES_MAX = 1_048_576
export const BATCH_EVENTS_MAX = 10_000
/** What each event adds to its message in the size of a batch. */
export const EVENT_OVERHEAD_BYTES = 26
export const BATCH_SPAN_MAX_MS = 24 * 3_600_000
export const PAST_MAX_MS = 14 * 24 * 3_600_000
export const FUTURE_MAX_MS = 2 * 3_600_000

const RETENTION_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

export function invalidParameter(message: string): LogsFault {
  return new LogsFault('InvalidParameterException', message)
}

function constraint(place: string, value: unknown, rule: string): LogsFault {
  return invalidParameter(`1 validation error detected: Value '${String(value)}' at '${place}' failed to satisfy constraint: ${rule}`)
}

/** A group's name: 1 to 512 of `[A-Za-z0-9_\-/.#]`, not beginning with `aws/`. */
export function checkGroupName(name: unknown): string {
  if (typeof name !== 'string' || name === '') throw constraint('logGroupName', name, 'Member must have length greater than or equal to 1')
  if (name.length > 512) throw constraint('logGroupName', name, 'Member must have length less than or equal to 512')
  if (!/^[.\-_/#A-Za-z0-9]+$/.test(name)) throw constraint('logGroupName', name, 'Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+')
  if (name.startsWith('aws/')) throw invalidParameter('Log groups starting with aws/ are reserved.')
  return name
}

/** A stream's name: 1 to 512 characters, none of them `:` or `*`. */
export function checkStreamName(name: unknown): string {
  if (typeof name !== 'string' || name === '') throw constraint('logStreamName', name, 'Member must have length greater than or equal to 1')
  if (name.length > 512) throw constraint('logStreamName', name, 'Member must have length less than or equal to 512')
  if (/[:*]/.test(name)) throw constraint('logStreamName', name, 'Member must satisfy regular expression pattern: [^:*]*')
  return name
}

export function checkRetention(days: unknown): number {
  if (typeof days === 'number' && RETENTION_DAYS.includes(days)) return days
  throw constraint('retentionInDays', days, `Member must satisfy enum value set: [${RETENTION_DAYS.join(', ')}]`)
}

export function checkTags(tags: unknown): Readonly<Record<string, string>> {
  if (tags === undefined) return {}
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) throw new LogsFault('SerializationException', 'tags is not a map')
  const entries = Object.entries(tags)
  if (entries.length < 1 || entries.length > 50) throw constraint('tags', entries.length, 'Member must have between 1 and 50 entries')
  for (const [key, value] of entries) {
    if (key.length < 1 || key.length > 128) throw constraint('tags', key, 'Map keys must have length between 1 and 128')
    if (typeof value !== 'string' || value.length > 256) throw constraint('tags', value, 'Map values must be texts of at most 256 characters')
  }
  return tags as Readonly<Record<string, string>>
}

/** Events of one call: their number, sizes, order and span; all of them are refused when one is wrong. */
export function checkBatch(events: unknown, eventBytesMax: number): readonly InputEvent[] {
  if (!Array.isArray(events) || events.length === 0) throw constraint('logEvents', '[]', 'Member must have length greater than or equal to 1')
  if (events.length > BATCH_EVENTS_MAX) throw constraint('logEvents', `[${events.length}]`, 'Member must have length less than or equal to 10000')
  let bytes = 0
  for (const [i, event] of (events as unknown[]).entries()) {
    const { timestamp, message } = checkEvent(event, i)
    const size = Buffer.byteLength(message) + EVENT_OVERHEAD_BYTES
    if (size > eventBytesMax) throw invalidParameter(`Log event too large: ${size} bytes exceeds limit of ${eventBytesMax}`)
    bytes += size
    if (i > 0 && timestamp < (events[i - 1] as InputEvent).timestamp)
      throw invalidParameter('Log events in a single PutLogEvents request must be in chronological order.')
  }
  if (bytes > BATCH_BYTES_MAX) throw invalidParameter(`Upload too large: ${bytes} bytes exceeds limit of ${BATCH_BYTES_MAX}`)
  return events as readonly InputEvent[]
}

function checkEvent(event: unknown, at: number): InputEvent {
  const { timestamp, message } = (event ?? {}) as Partial<InputEvent>
  if (typeof timestamp !== 'number' || !Number.isInteger(timestamp) || timestamp < 0)
    throw constraint(`logEvents.${at + 1}.member.timestamp`, timestamp, 'Member must be a whole number of milliseconds, 0 or more')
  if (typeof message !== 'string' || message === '')
    throw constraint(`logEvents.${at + 1}.member.message`, message, 'Member must have length greater than or equal to 1')
  return { timestamp, message }
}

/** As the service words it: the first index that is good, or the first that is not. */
export interface RejectedEvents {
  /** Exclusive. */
  tooOldLogEventEndIndex?: number
  /** Exclusive. */
  expiredLogEventEndIndex?: number
  /** Inclusive. */
  tooNewLogEventStartIndex?: number
}

/** Which events are taken; those too old for the service or the group's retention, and those too new, are told. */
export function sortOut(
  events: readonly InputEvent[],
  { nowMs, retentionDays }: { readonly nowMs: number; readonly retentionDays: number | undefined },
): { readonly taken: readonly InputEvent[]; readonly rejected: RejectedEvents | undefined } {
  const rejected: RejectedEvents = {}
  const taken: InputEvent[] = []
  const keepMs = retentionDays === undefined ? Number.POSITIVE_INFINITY : retentionDays * 24 * 3_600_000
  for (const [i, event] of events.entries()) {
    const ageMs = nowMs - event.timestamp
    if (ageMs > PAST_MAX_MS) rejected.tooOldLogEventEndIndex = i + 1
    else if (ageMs > keepMs) rejected.expiredLogEventEndIndex = i + 1
    else if (-ageMs > FUTURE_MAX_MS) rejected.tooNewLogEventStartIndex ??= i
    else taken.push(event)
  }
  const [first, last] = [taken[0], taken.at(-1)]
  if (first !== undefined && last !== undefined && last.timestamp - first.timestamp > BATCH_SPAN_MAX_MS)
    throw invalidParameter('The batch of log events in a single PutLogEvents request cannot span more than 24 hours.')
  return { taken, rejected: Object.keys(rejected).length > 0 ? rejected : undefined }
}
