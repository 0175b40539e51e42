import { readFileSync } from 'node:fs'
import type { FieldProblem } from '../../../component/config_schema.ts'
import { yaml } from '../../../lib/yaml.ts'
import type { Party } from '../../../model/edges.ts'
import { type NamingSources, objectRootOf, valueOf } from './subject.ts'
import { type NamingPath, type NamingTemplate, parseTemplate, TemplateError } from './template.ts'

export { hasLabels } from './subject.ts'

/** The setting `naming`; empty texts are not set. */
export interface NamingConfig {
  readonly service: string
  readonly service_entry: string
  readonly instance: string
  readonly rules_file: string
}

/** Which labels and annotations naming rules look at. */
export interface NamedKeys {
  readonly podLabels: readonly string[]
  readonly podAnnotations: readonly string[]
  readonly serviceLabels: readonly string[]
}

type RuleName = 'service' | 'service_entry' | 'instance'

/** Names sides by templates instead of Istio's rules. */
export class NamingRules {
  /** True when a rule looks at labels or other facts that only the pod itself has. */
  readonly needsPod: boolean
  readonly keys: NamedKeys
  readonly #templates: Readonly<Partial<Record<RuleName, NamingTemplate>>>

  constructor(templates: Readonly<Partial<Record<RuleName, NamingTemplate>>>) {
    this.#templates = templates
    const paths = Object.values(templates).flatMap((template) => template.paths.map(({ parts }) => parts))
    this.keys = keysOf(paths)
    this.needsPod = this.keys.podLabels.length + this.keys.podAnnotations.length > 0 || paths.some(isOfPod)
  }

  /** The party with its canonical service and pod named by the rules there are. */
  named(party: Party, sources: NamingSources): Party {
    const { service_entry, service, instance } = this.#templates
    const value = (parts: readonly string[]): string => valueOf(parts, party, sources)
    const isEntry = party.evidence === 'service_entry'
    const name = isEntry ? service_entry : service
    return {
      ...party,
      service: name === undefined ? party.service : name.render(value),
      pod: instance === undefined || isEntry ? party.pod : instance.render(value),
    }
  }
}

/** True for what only the pod itself knows; its name and namespace stand in every log that names it. */
function isOfPod(parts: readonly string[]): boolean {
  return objectRootOf(parts) === 'pod' && (parts[1] !== 'metadata' || parts[2] === 'uid')
}

/** The outcome of compiling a `naming` setting: `rules` is undefined when there are none, or when something is wrong. */
export interface CompiledNaming {
  readonly rules: NamingRules | undefined
  readonly problems: readonly FieldProblem[]
}

/**
 * Compiles the templates of a `naming` setting. A rules file is read now; what it does not say, the setting's own
 * templates may. Never throws: what is wrong comes back as problems.
 */
export function compileNaming(config: NamingConfig): CompiledNaming {
  const problems: FieldProblem[] = []
  const templates: Partial<Record<RuleName, NamingTemplate>> = {}
  const add = (name: RuleName, text: string, path: readonly string[], where: string): void => {
    const template = compiled(text, path, where, problems)
    if (template !== undefined) templates[name] = template
  }
  const file = config.rules_file === '' ? undefined : fileRules(config.rules_file, problems)
  if (file !== undefined && config.service === '' && file.serviceName !== '') add('service', file.serviceName, ['naming', 'rules_file'], 'serviceName')
  if (file !== undefined && config.instance === '' && file.serviceInstanceName !== '')
    add('instance', file.serviceInstanceName, ['naming', 'rules_file'], 'serviceInstanceName')
  for (const name of ['service', 'service_entry', 'instance'] as const) if (config[name] !== '') add(name, config[name], ['naming', name], '')
  const isEmpty = Object.keys(templates).length === 0
  return { rules: isEmpty || problems.length > 0 ? undefined : new NamingRules(templates), problems }
}

function compiled(text: string, path: readonly string[], where: string, problems: FieldProblem[]): NamingTemplate | undefined {
  const prefix = where === '' ? '' : `${where}: `
  try {
    const template = parseTemplate(text)
    for (const one of template.paths) checkPath(one)
    return template
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    problems.push({
      path,
      problem: `${prefix}not a naming rule: ${error.message}, at character ${error.at}`,
      expected: 'text with variables such as ${LABELS.app,SERVICE} or ${pod.metadata.labels.(app.kubernetes.io/name)}',
      found: JSON.stringify(text),
      hint: 'in a config file write $${…}, as ${…} stands for an environment variable there',
    })
    return undefined
  }
}

const METADATA = ['name', 'namespace', 'labels']
const FIELDS: Readonly<Record<'pod' | 'service' | 'serviceEntry', Readonly<Record<string, readonly string[]>>>> = {
  pod: { metadata: [...METADATA, 'uid', 'annotations'], spec: ['nodeName', 'serviceAccountName'], status: ['podIP'] },
  service: { metadata: METADATA },
  serviceEntry: { metadata: METADATA },
}

/** Of Kubernetes objects only a few fields are kept; a rule that looks at another would name everything `-`. */
function checkPath({ parts, at }: NamingPath): void {
  const root = objectRootOf(parts)
  if (root === undefined) return
  const [, group = '', field = '', ...rest] = parts
  const fields = Object.hasOwn(FIELDS[root], group) ? FIELDS[root][group] : undefined
  const isMap = field === 'labels' || field === 'annotations'
  if (fields?.includes(field) === true && rest.length === (isMap ? 1 : 0)) return
  const known = Object.entries(FIELDS[root]).flatMap(([name, names]) => names.map((one) => `${name}.${one}`))
  const hint = isMap && rest.length > 1 ? '; a key with dots stands in parentheses' : ''
  throw new TemplateError(at, `of a ${root} there is ${known.join(', ')}, not ${parts.slice(1).join('.')}${hint}`)
}

function fileRules(path: string, problems: FieldProblem[]): Readonly<Record<'serviceName' | 'serviceInstanceName', string>> | undefined {
  const report = (problem: string, found: string): undefined => {
    problems.push({ path: ['naming', 'rules_file'], problem, expected: 'a YAML file with serviceName and serviceInstanceName', found })
    return undefined
  }
  let root: unknown
  try {
    root = yaml().parse(readFileSync(path, 'utf8'))
  } catch (error) {
    return report('cannot read the naming rules', `${path}: ${(error as Error).message.split('\n', 1)[0]}`)
  }
  const text = (key: string): string => {
    const value = typeof root === 'object' && root !== null && Object.hasOwn(root, key) ? (root as Record<string, unknown>)[key] : undefined
    return typeof value === 'string' ? value : ''
  }
  const rules = { serviceName: text('serviceName'), serviceInstanceName: text('serviceInstanceName') }
  return rules.serviceName === '' && rules.serviceInstanceName === '' ? report('a file without naming rules', path) : rules
}

function keysOf(paths: readonly (readonly string[])[]): NamedKeys {
  const podLabels = new Set<string>()
  const podAnnotations = new Set<string>()
  const serviceLabels = new Set<string>()
  for (const parts of paths) {
    const root = objectRootOf(parts)
    const [first = '', second = '', field, key = ''] = parts
    if (root === undefined && first.toLowerCase() === 'labels' && second !== '') podLabels.add(second)
    else if (root === 'pod' && field === 'labels') podLabels.add(key)
    else if (root === 'pod' && field === 'annotations') podAnnotations.add(key)
    else if (root !== undefined && field === 'labels') serviceLabels.add(key)
  }
  return { podLabels: [...podLabels], podAnnotations: [...podAnnotations], serviceLabels: [...serviceLabels] }
}
