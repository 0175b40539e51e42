import { MalformedError } from './malformed.ts'
import type { ApiObject } from './sink.ts'

/** One line of a watch. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: ApiObject }
  | {
      readonly type: 'BOOKMARK'
      readonly resourceVersion: string
      /** Marks the end of the objects that a streaming list begins with. */
      readonly isInitialEnd: boolean
    }
  | { readonly type: 'ERROR'; readonly status: unknown }

/** The event in a line of JSON; throws a `MalformedError` when there is none. */
export function parseWatchEvent(line: string): WatchEvent {
  const { type, object } = recordOf(parseJson(line))
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: withMetadata(object) ?? refuseObject() }
    case 'BOOKMARK': {
      const { resourceVersion, annotations } = recordOf(recordOf(object).metadata)
      if (typeof resourceVersion !== 'string') throw new MalformedError('a bookmark without a resource version')
      return { type, resourceVersion, isInitialEnd: recordOf(annotations)['k8s.io/initial-events-end'] === 'true' }
    }
    case 'ERROR':
      return { type, status: object }
    default:
      throw new MalformedError(`an event of unknown type ${JSON.stringify(type)?.slice(0, 40)}`)
  }
}

/** An API object from its JSON text; undefined when it has no name or version. Throws a `MalformedError` for what is not JSON. */
export function parseApiObject(json: string): ApiObject | undefined {
  return withMetadata(parseJson(json))
}

/** Gives metadata the form that `ApiMetadata` promises; undefined when that is not possible. */
function withMetadata(value: unknown): ApiObject | undefined {
  const metadata = recordOf(value).metadata as Record<string, unknown> | undefined
  if (typeof metadata !== 'object' || metadata === null) return undefined
  if (typeof metadata.name !== 'string' || metadata.name === '' || typeof metadata.resourceVersion !== 'string') return undefined
  if (typeof metadata.namespace !== 'string') metadata.namespace = ''
  if (typeof metadata.uid !== 'string') metadata.uid = ''
  return value as ApiObject
}

/** Where the watch stands is not known after an event without a version. */
function refuseObject(): never {
  throw new MalformedError('an object without a name or version')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new MalformedError('not JSON')
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
