import { type FieldSpec, HTTP_ENTRY, type MessageSpec, TCP_ENTRY } from '../../model/access_log_fields.ts'
import { EDGE_ATTRIBUTES } from '../../model/access_log_otlp/edge_attributes.ts'
import { DERIVED_ATTRIBUTES } from '../../model/access_log_otlp/entry_attributes.ts'
import { describeUse, type FieldUse, HTTP_USE, type MessageUse, TCP_USE } from '../../model/access_log_otlp/fields.ts'
import { RESOURCE_ATTRIBUTES } from '../../model/access_log_otlp/reporter.ts'

/** The tables of this component's README that say what becomes of every field of Envoy's access logs, as Markdown. */
export function fieldTables(): string {
  return [
    '### Fields of the log',
    '',
    table(
      ['field', 'attribute'],
      [
        ...fieldRows(HTTP_ENTRY, HTTP_USE, ''),
        // What both kinds have in common differs in two names only.
        ...fieldRows(TCP_ENTRY, TCP_USE, 'TCP: ').filter(
          ([field]) => /connectionProperties|WireBytes(Sent|Received)`$/.test(field) && !field.includes('upstream'),
        ),
        ...IDENTIFIER,
      ],
    ),
    '',
    '### Attributes of the entry as a whole',
    '',
    table(['attribute', 'what it is'], rowsOf(DERIVED_ATTRIBUTES)),
    '',
    '### Attributes of the call (with `mesh` before it)',
    '',
    table(['attribute', 'what it is'], rowsOf(EDGE_ATTRIBUTES)),
    '',
    '### Resource attributes',
    '',
    table(['attribute', 'what it is'], rowsOf(RESOURCE_ATTRIBUTES)),
  ].join('\n')
}

/** What is in the identifier of a stream, which belongs to all of its entries. */
const IDENTIFIER: readonly (readonly [string, string])[] = [
  ['`identifier.node.id`', 'resource: `envoy.node.id`; of Istio’s also `k8s.pod.name`, `k8s.namespace.name`, `k8s.pod.ip`'],
  ['`identifier.node.cluster`', 'resource: `service.name` where nothing better is known'],
  ['`identifier.node.metadata`', 'resource: `k8s.*`, `service.*` and `mesh.workload` by Istio’s keys; all else is left out, it is the same in every record'],
  ['`identifier.node.locality`, `.extensions` and the rest', 'left out, they describe the program and not the request'],
  ['`identifier.log_name`', '`envoy.access_log.name`'],
]

function fieldRows(spec: MessageSpec, use: MessageUse, prefix: string): (readonly [string, string])[] {
  return Object.entries(spec).flatMap(([number, field]: [string, FieldSpec]): (readonly [string, string])[] => {
    const own: FieldUse | undefined = use[Number(number)]
    if (own?.as === 'message' && (field.kind === 'message' || field.kind === 'list')) return fieldRows(field.of, own.of, `${prefix}${field.name}.`)
    return [[`\`${prefix}${field.name}\``, own === undefined ? '' : `${describeUse(own)}${own.isDetail === true ? ' (with `detail: full`)' : ''}`]]
  })
}

function rowsOf(names: Readonly<Record<string, string>>): (readonly [string, string])[] {
  return Object.entries(names).map(([name, what]) => [`\`${name}\``, what])
}

function table(head: readonly [string, string], rows: readonly (readonly [string, string])[]): string {
  return [head, ['---', '---'], ...rows].map(([left, right]) => `| ${left} | ${right} |`).join('\n')
}
