/** An image reference taken apart; empty texts are parts that it has not got. */
export interface ImageReference {
  /** Registry and repository as written, such as `ghcr.io/acme/shop`. */
  readonly name: string
  readonly tag: string
  /** Such as `sha256:b248…`. */
  readonly digest: string
}

const NONE: ImageReference = { name: '', tag: '', digest: '' }

/** What some runtimes say instead of a name. */
const BARE_DIGEST = /^sha256:[0-9a-f]{64}$/

const REFERENCE =
  /^(?<name>(?:[\w.-]+(?::\d+)?\/|\[[0-9A-Fa-f:]+\](?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,128}))?$/i

/** Longer texts are no image references; the limit bounds what matching costs. */
const LENGTH_MAX = 1024

/** Takes `name:tag@digest` apart (github.com/distribution/reference); all parts are empty if it is something else. */
export function parseImage(image: string): ImageReference {
  const parts = image.length > LENGTH_MAX || BARE_DIGEST.test(image) ? undefined : REFERENCE.exec(image)?.groups
  return parts === undefined ? NONE : { name: parts['name'] ?? '', tag: parts['tag'] ?? '', digest: parts['digest'] ?? '' }
}

/** The name with its registry: `nginx` is `docker.io/library/nginx`. */
export function qualifiedName(name: string): string {
  const slash = name.indexOf('/')
  if (slash < 0) return `docker.io/library/${name}`
  const first = name.slice(0, slash)
  return first.includes('.') || first.includes(':') || first === 'localhost' ? name : `docker.io/${name}`
}
