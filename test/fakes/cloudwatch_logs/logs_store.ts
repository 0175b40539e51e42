import { checkBatch, checkGroupName, checkRetention, checkStreamName, checkTags, type InputEvent, invalidParameter, LogsFault, sortOut } from './rules.ts'

/** A log group with what was set on it. */
export interface LogGroup {
  readonly name: string
  tags: Readonly<Record<string, string>>
  /** Undefined: events are kept for ever. */
  retentionDays: number | undefined
  readonly streams: Map<string, InputEvent[]>
}

/** One stream with its events in the order in which they were taken. */
export interface LogStream {
  readonly group: string
  readonly stream: string
  readonly events: readonly InputEvent[]
}

export interface LogsStoreOptions {
  readonly now: () => number
  readonly eventBytesMax: number
}

type Input = Readonly<Record<string, unknown>>

/** Log groups and streams, and the operations on them; an operation that is refused throws a `LogsFault` and changes nothing. */
export class LogsStore {
  readonly groups = new Map<string, LogGroup>()
  readonly #now: () => number
  readonly #eventBytesMax: number

  constructor({ now, eventBytesMax }: LogsStoreOptions) {
    this.#now = now
    this.#eventBytesMax = eventBytesMax
  }

  /** All streams, by group and name. */
  streams(): readonly LogStream[] {
    return [...this.groups.values()].flatMap((group) => [...group.streams].map(([stream, events]) => ({ group: group.name, stream, events })))
  }

  /** Every event that was taken. */
  events(): readonly InputEvent[] {
    return this.streams().flatMap(({ events }) => events)
  }

  /** Makes a group and a stream, so that a test can begin with them. */
  addStream(groupName: string, streamName: string): void {
    if (!this.groups.has(groupName)) this.call('CreateLogGroup', { logGroupName: groupName })
    this.call('CreateLogStream', { logGroupName: groupName, logStreamName: streamName })
  }

  /** Does what `operation` asks for, and returns the answer's body; undefined for an empty one. */
  call(operation: string, input: Input): object | undefined {
    switch (operation) {
      case 'CreateLogGroup':
        return this.#createGroup(input)
      case 'CreateLogStream':
        return this.#createStream(input)
      case 'PutRetentionPolicy':
        this.#group(input).retentionDays = checkRetention(input['retentionInDays'])
        return undefined
      case 'TagResource':
        return this.#tag(input)
      case 'PutLogEvents':
        return this.#put(input)
      default:
        throw new LogsFault('UnknownOperationException', '')
    }
  }

  #createGroup(input: Input): undefined {
    const name = checkGroupName(input['logGroupName'])
    const tags = checkTags(input['tags'])
    const logClass = input['logGroupClass'] ?? 'STANDARD'
    if (logClass !== 'STANDARD') throw invalidParameter(`logGroupClass ${JSON.stringify(logClass)} has no extraction of embedded metrics`)
    if (this.groups.has(name)) throw new LogsFault('ResourceAlreadyExistsException', 'The specified log group already exists')
    this.groups.set(name, { name, tags, retentionDays: undefined, streams: new Map() })
  }

  #createStream(input: Input): undefined {
    const name = checkStreamName(input['logStreamName'])
    const { streams } = this.#group(input)
    if (streams.has(name)) throw new LogsFault('ResourceAlreadyExistsException', 'The specified log stream already exists')
    streams.set(name, [])
  }

  #tag(input: Input): undefined {
    const name = /:log-group:([^:]+)$/.exec(String(input['resourceArn']))?.[1]
    const group = this.#group({ logGroupName: name })
    group.tags = { ...group.tags, ...checkTags(input['tags']) }
  }

  #put(input: Input): object {
    if (input['sequenceToken'] !== undefined) throw invalidParameter('sequenceToken has had no meaning since 2023 and must not be sent')
    const streamName = checkStreamName(input['logStreamName'])
    checkGroupName(input['logGroupName'])
    const batch = checkBatch(input['logEvents'], this.#eventBytesMax)
    const group = this.#group(input)
    const stream = group.streams.get(streamName)
    if (stream === undefined) throw new LogsFault('ResourceNotFoundException', 'The specified log stream does not exist.')
    const { taken, rejected } = sortOut(batch, { nowMs: this.#now(), retentionDays: group.retentionDays })
    stream.push(...taken)
    // Without `nextSequenceToken`, which is deprecated: a client must not wait for it.
    return rejected === undefined ? {} : { rejectedLogEventsInfo: rejected }
  }

  #group(input: Input): LogGroup {
    const group = this.groups.get(checkGroupName(input['logGroupName']))
    if (group === undefined) throw new LogsFault('ResourceNotFoundException', 'The specified log group does not exist.')
    return group
  }
}
