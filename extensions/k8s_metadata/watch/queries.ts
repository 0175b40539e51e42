import type { WatchedResource } from './status.ts'

type Query = Readonly<Record<string, string>>

/**
 * Asks for a page of a list. `version` is empty for the present state, `0` for any that the server has in its cache, or the
 * oldest that will do. `limit` 0 asks for everything at once.
 */
export function listQuery(resource: WatchedResource, list: { readonly version: string; readonly token: string; readonly limit: number }): Query {
  const { version, token, limit } = list
  // The token stands for the version; giving both is an error.
  if (token !== '') return { ...selectors(resource), limit: String(limit), continue: token }
  // Servers answer from their cache only without a limit, except for version 0, where they ignore it.
  const isCached = version !== '' && version !== '0'
  return {
    ...selectors(resource),
    ...(limit === 0 || isCached ? {} : { limit: String(limit) }),
    ...(version === '' ? {} : { resourceVersion: version, resourceVersionMatch: 'NotOlderThan' }),
  }
}

/** Asks for the changes after `version`. */
export function watchQuery(resource: WatchedResource, watch: { readonly version: string; readonly seconds: number }): Query {
  return { ...selectors(resource), watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: String(watch.seconds), resourceVersion: watch.version }
}

/** Asks for all objects as events, then for the changes (KEP-3157, "watch list"). */
export function streamingListQuery(resource: WatchedResource, watch: { readonly version: string; readonly seconds: number }): Query {
  return { ...watchQuery(resource, watch), sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
}

function selectors({ fieldSelector, labelSelector }: WatchedResource): Query {
  return { ...(fieldSelector === '' ? {} : { fieldSelector }), ...(labelSelector === '' ? {} : { labelSelector }) }
}
