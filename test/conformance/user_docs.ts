import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isMap, parse, parseAllDocuments } from 'yaml'
import { SECTIONS } from '../../config/ids.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

/** The pages that users read, relative to the repository; references and decisions are not among them. */
export const PAGES: readonly string[] = [
  'README.md',
  ...globSync(
    [
      'docs/*.md',
      'docs/quickstart/*.md',
      'deploy/{*,mesh/*}/README.md',
      'deploy/helm/meshscope/README.md',
      '{receivers,processors,connectors,exporters,extensions}/*/*.md',
      'test/interop/README.md',
    ],
    { cwd: REPOSITORY },
  )
    .map((path) => path.replaceAll('\\', '/'))
    .sort(),
]

/** A fenced block, with the line that it begins at. */
export interface Block {
  readonly page: string
  readonly line: number
  readonly language: string
  readonly text: string
}

export function readPage(page: string): string {
  return readFileSync(join(REPOSITORY, page), 'utf8')
}

/** All fenced blocks of a page. */
export function blocksOf(page: string): Block[] {
  const text = readPage(page)
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length
    return { page, line, language: match[1] ?? '', text: match[2] ?? '' }
  })
}

/** What a block of YAML is: a config of the daemon (`whole` with receivers, exporters and pipelines, else a `part`), values of the chart, or something else's. */
export function kindOf(text: string): 'whole' | 'part' | 'values' | 'other' {
  const documents = parseAllDocuments(text)
  const content = documents[0]?.contents
  if (documents.length !== 1 || !isMap(content)) return 'other'
  const value = content.toJSON() as Readonly<Record<string, unknown>>
  const keys = Object.keys(value)
  if (keys.every((key) => [...SECTIONS, 'service'].includes(key))) {
    const service = value['service'] as { readonly pipelines?: unknown } | null | undefined
    const isWhole = service?.pipelines !== undefined && keys.includes('receivers') && keys.includes('exporters')
    return isWhole ? 'whole' : 'part'
  }
  return keys.every((key) => Object.hasOwn(chartValues(), key)) ? 'values' : 'other'
}

let values: Readonly<Record<string, unknown>> | undefined

function chartValues(): Readonly<Record<string, unknown>> {
  const file = join(REPOSITORY, 'deploy/helm/meshscope/values.yaml')
  values ??= parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>
  return values
}

/** Paths of values that the chart does not have. Below an empty map or a list anything goes. */
export function unknownValues(text: string): string[] {
  const unknown: string[] = []
  const look = (given: unknown, known: unknown, path: string): void => {
    if (!isRecord(given) || !isRecord(known) || Object.keys(known).length === 0) return
    for (const [key, inner] of Object.entries(given)) {
      if (Object.hasOwn(known, key)) look(inner, known[key], `${path}${key}.`)
      else unknown.push(`${path}${key}`)
    }
  }
  look(parse(text), chartValues(), '')
  return unknown
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Command lines of `meshscope` in a page, without the program's name: in blocks of shell, and in code within the text. */
export function commandLinesOf(page: string): string[] {
  const shell = blocksOf(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'))
  const inline = [...proseOf(page).matchAll(/`((?:npx )?meshscope [^`]+)`/g)].map(([, code]) => code ?? '')
  return [...shell, ...inline].flatMap((line) => /(?:^|[|&;] *)(?:npx )?meshscope +([a-z-][^|&;#]*)/.exec(line.trim())?.[1]?.trim() ?? [])
}

/** What `npm run NAME` and `npm run bench -- NAME` of a page name: scripts and benchmarks. */
export function npmRunsOf(page: string): { readonly script: string; readonly benchmark: string | undefined }[] {
  return [...readPage(page).matchAll(/\bnpm run ([\w:]+)(?: -- (\w+))?/g)].map(([, script = '', argument]) => ({
    script,
    benchmark: script === 'bench' ? argument : undefined,
  }))
}

/** Paths of the repository that a page names in code and that do not exist. */
export function deadPathsOf(page: string): string[] {
  const code = [...proseOf(page).matchAll(/`((?:bench|deploy|docs|scripts|test)\/[\w./-]+)`/g)].map(([, path]) => path ?? '')
  return code.filter((path) => !existsSync(join(REPOSITORY, path)))
}

/** The page without its fenced blocks. */
export function proseOf(page: string): string {
  return readPage(page).replaceAll(/^```[\s\S]*?^```/gm, '')
}

/** Links of a page that lead nowhere: a file that does not exist, or a heading that its page does not have. */
export function deadLinksOf(page: string): string[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '').filter((target) => !/^(?:https?|mailto):/.test(target))
  return links.filter((link) => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(REPOSITORY, target))) return true
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor)
  })
}

/** The anchors that GitHub gives to a page's headings. */
export function anchorsOf(page: string): string[] {
  const headings = [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  )
}
