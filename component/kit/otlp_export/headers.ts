import type { FieldProblem } from '../../config_schema.ts'
import { checkHeaderName } from '../auth.ts'

/** Problems of the `headers` of an exporter: what HTTP/1 and HTTP/2 would refuse at every attempt. Values are secret and not shown. */
export function checkHeaders(headers: Readonly<Record<string, string>>): FieldProblem[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const path = ['headers', name]
    // Of binary metadata gRPC takes anything; it goes over the wire in base64.
    if (name.toLowerCase().endsWith('-bin') || /^[\x20-\x7e\t]*$/.test(value)) return checkHeaderName(name, path)
    const hint = /[\r\n]$/.test(value) ? 'the value ends with a line break; remove it from the variable or file that it comes from' : undefined
    const problem = { path, problem: 'not a header value', expected: 'printable ASCII', ...(hint === undefined ? {} : { hint }) }
    return [...checkHeaderName(name, path), problem]
  })
}
