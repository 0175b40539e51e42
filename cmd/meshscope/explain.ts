import { readFileSync } from 'node:fs'
import { request as requestHttps } from 'node:https'
import type { ExplainAnswer } from '../../extensions/k8s_metadata/explainer.ts'
import { watchName } from '../../extensions/k8s_metadata/health.ts'
import { parseDuration } from '../../lib/duration.ts'
import { parseEndpoint } from '../../lib/endpoint.ts'
import { request as requestHttp } from '../../lib/node_http.ts'
import type { ExplainedClaim } from '../../model/identity/handles.ts'
import type { IdentityObject, Workload } from '../../model/identity/objects.ts'
import type { CliIo } from './cli_io.ts'
import { EXIT } from './exit_codes.ts'

/** What can be asked about. */
export type ExplainKind = 'ip' | 'pod' | 'host'

/** The flags of `meshscope explain`. */
export interface ExplainFlags {
  readonly at?: string
  readonly endpoint: string
  readonly port?: string
  readonly caFile?: string
  readonly format: 'text' | 'json'
}

const ANSWER_MS_MAX = 10_000
const ANSWER_BYTES_MAX = 4 << 20

/** `meshscope explain`: asks a running daemon and prints its answer. */
export async function explain(asked: { readonly kind: ExplainKind; readonly name: string }, flags: ExplainFlags, io: CliIo): Promise<number> {
  const request = requestOf(asked, flags)
  if ('problem' in request) {
    io.err(`meshscope: ${request.problem}\n`)
    return EXIT.usage
  }
  const { url } = request
  try {
    const { status, body } = await get(url, request.ca)
    const parsed = JSON.parse(body) as ExplainAnswer | { readonly error: string }
    if (status !== 200 || 'error' in parsed) {
      io.err(`meshscope: the daemon at ${url.host} answers: ${'error' in parsed ? parsed.error : `status ${status}`}\n`)
      return EXIT.failed
    }
    io.out(flags.format === 'json' ? `${JSON.stringify(parsed, null, 2)}\n` : answerText(parsed))
    return EXIT.ok
  } catch (error) {
    io.err(`meshscope: no answer from ${url.origin}: ${(error as Error).message}\n${UNREACHABLE_HINT}`)
    return EXIT.failed
  }
}

/** A flag that cannot be understood. */
interface FlagProblem {
  readonly problem: string
}

const UNREACHABLE_HINT = `  expected  a running daemon whose config has the extension k8s_metadata, or a component that needs it
  hint      its setting endpoint says where it listens (localhost:13134 by default); name it with --endpoint, and run this in the daemon's pod or through kubectl port-forward
`

function requestOf(
  asked: { readonly kind: ExplainKind; readonly name: string },
  flags: ExplainFlags,
): { readonly url: URL; readonly ca: string | undefined } | FlagProblem {
  const query = queryOf(asked, flags, Date.now())
  if ('problem' in query) return query
  const url = serverOf(flags)
  if ('problem' in url) return url
  const ca = authorityOf(flags)
  if ('problem' in ca) return ca
  url.search = query.toString()
  return { url, ca: ca.pem }
}

function queryOf({ kind, name }: { readonly kind: ExplainKind; readonly name: string }, flags: ExplainFlags, nowMs: number): URLSearchParams | FlagProblem {
  const query = new URLSearchParams()
  const endpoint = kind === 'ip' ? parseEndpoint(name) : undefined
  query.set(kind, endpoint?.host ?? name.replace(/^\[(.*)\]$/, '$1'))
  if (endpoint !== undefined) query.set('port', String(endpoint.port))
  if (flags.at === undefined) return query
  const ageMs = parseDuration(flags.at)
  const atMs = ageMs !== undefined ? nowMs - Math.abs(ageMs) : /^\d{1,16}$/.test(flags.at) ? Number(flags.at) : Date.parse(flags.at)
  if (!Number.isFinite(atMs))
    return { problem: `--at: not a time\n  expected  RFC 3339, milliseconds since the epoch, or an age such as 90s\n  found     ${JSON.stringify(flags.at)}` }
  query.set('at', String(Math.round(atMs)))
  return query
}

function serverOf({ endpoint, port }: ExplainFlags): URL | FlagProblem {
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) return { problem: `--port: not a port: ${port}` }
  const text = port !== undefined ? `http://localhost:${port}` : /^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`
  if (URL.canParse(text)) return new URL('/explain', text)
  return { problem: `--endpoint: not an address\n  expected  host:port, or an http:// or https:// URL\n  found     ${JSON.stringify(endpoint)}` }
}

function authorityOf({ caFile }: ExplainFlags): { readonly pem?: string } | FlagProblem {
  if (caFile === undefined) return {}
  try {
    return { pem: readFileSync(caFile, 'utf8') }
  } catch (error) {
    return { problem: `--ca-file: cannot read ${caFile}: ${(error as Error).message}` }
  }
}

function get(url: URL, ca: string | undefined): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const options = { agent: false as const, timeout: ANSWER_MS_MAX, ...(ca === undefined ? {} : { ca }) }
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error('the answer is too long for that of a daemon'))
        chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }))
    })
    request.on('timeout', () => request.destroy(new Error(`nothing within ${ANSWER_MS_MAX / 1000} s`)))
    request.on('error', (error: Error & { readonly code?: string; readonly errors?: readonly Error[] }) =>
      reject(error.message === '' ? new Error(error.code ?? error.errors?.[0]?.message ?? 'cannot connect', { cause: error }) : error),
    )
    request.end()
  })
}

/** The answer for people. */
export function answerText({ question, answer, claims, notes, index }: ExplainAnswer): string {
  const { kind, name, port, timeMs } = question
  const asked = port === 0 ? name : name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`
  const lines = [`${kind} ${asked} at ${time(timeMs)}`, `  is      ${answer === null ? 'unknown' : objectText(answer)}`]
  if (claims !== undefined) {
    if (claims.leadsHere.length > 0) lines.push(`  serves  ${claims.leadsHere.join(', ')}`)
    lines.push(...claimLines('claims of workloads and nodes', claims.owners), ...claimLines('claims of services', claims.services))
  }
  for (const note of notes) lines.push(`note: ${note}`)
  lines.push(`index: ${index.isSynced ? 'synced' : 'not synced'}, last changed ${index.changedMs === 0 ? 'never' : time(index.changedMs)}`)
  for (const watch of index.watches) lines.push(`  ${watchName(watch)}: ${watch.state}${watch.error === '' ? '' : `: ${watch.error}`}`)
  return `${lines.join('\n')}\n`
}

function claimLines(title: string, claims: readonly ExplainedClaim[]): string[] {
  if (claims.length === 0) return []
  const line = ({ object, source, fromMs, untilMs, isWinner, why }: ExplainedClaim): string => {
    const span = `${fromMs === 0 ? 'always' : time(fromMs)} to ${untilMs === null ? 'now' : time(untilMs)}`
    return `  ${isWinner ? '*' : ' '} ${objectText(object)}\n      ${span}${source === '' ? '' : `, from ${source}`}: ${why}`
  }
  return [`${title}:`, ...claims.map(line)]
}

function objectText(object: IdentityObject): string {
  switch (object.kind) {
    case 'pod': {
      const state = object.endedMs > 0 ? `, ended ${time(object.endedMs)}` : object.terminatingMs > 0 ? `, terminating since ${time(object.terminatingMs)}` : ''
      return `pod ${object.namespace}/${object.name}${workloadText(object.workload)} on node ${object.node}${object.isHostNetwork ? ', host network' : ''}${state}`
    }
    case 'endpoint': {
      const pod = object.pod === '' ? '' : ` pod ${object.namespace}/${object.pod}`
      return `endpoint of ${object.namespace}/${object.service}:${pod}${workloadText(object.workload)}${object.node === '' ? '' : ` on node ${object.node}`}`
    }
    case 'node':
      return `node ${object.name}`
    case 'service':
      return `${object.source === 'service' ? 'service' : 'service entry'} ${object.namespace}/${object.name} (${object.hosts.join(', ')})`
    case 'namespace':
      return `namespace ${object.name}`
    default:
      return `workload entry ${object.namespace}/${object.name}${workloadText(object.workload)}`
  }
}

function workloadText({ kind, name, isInferred }: Workload): string {
  return name === '' ? '' : ` (${kind === '' ? 'workload' : kind} ${name}${isInferred ? ', by its name' : ''})`
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}
