import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTemplate, TemplateError } from './template.ts'

const VALUES: Readonly<Record<string, string>> = {
  'LABELS/app': 'shop',
  'LABELS/service.istio.io/canonical-name': 'page',
  NAMESPACE: 'default',
  'pod/metadata/labels/service.istio.io/canonical-name': 'page',
}

function rendered(template: string): string {
  return parseTemplate(template).render((parts) => VALUES[parts.join('/')] ?? '')
}

test.for([
  { name: 'text alone', template: 'fixed', expected: 'fixed' },
  { name: 'one variable', template: '${NAMESPACE}', expected: 'default' },
  { name: 'the first path that has a value', template: '${missing,LABELS.nothing,LABELS.app,NAMESPACE}', expected: 'shop' },
  { name: 'a dash where none has', template: 'fixed-${missing,missing2}', expected: 'fixed--' },
  { name: 'quotes around dots', template: '${LABELS."service.istio.io/canonical-name"}.${NAMESPACE}', expected: 'page.default' },
  { name: 'parentheses around dots', template: '${pod.metadata.labels.(service.istio.io/canonical-name)}', expected: 'page' },
  { name: 'text behind the last variable', template: '${NAMESPACE}-suffix', expected: 'default-suffix' },
  { name: 'spaces around paths', template: '${ missing , NAMESPACE }', expected: 'default' },
  { name: 'a dollar without a brace', template: '$5.${NAMESPACE}}', expected: '$5.default}' },
])('renders $name', ({ template, expected }) => {
  expect(rendered(template)).toBe(expected)
})

test.for([
  { name: 'an empty template', template: ' ', at: 1, message: 'the template is empty' },
  { name: 'a variable that is never closed', template: 'a${LABELS.app', at: 2, message: '${ is never closed by }' },
  { name: 'an empty variable', template: 'a.${}', at: 5, message: 'a name is missing' },
  { name: 'an empty part', template: '${LABELS..app}', at: 10, message: 'a name is missing' },
  { name: 'an empty path', template: '${a,}', at: 5, message: 'a name is missing' },
  { name: 'quotes that are never closed', template: '${LABELS."app}', at: 10, message: '" is never closed by "' },
  { name: 'parentheses that are never closed', template: '${pod.(a}', at: 7, message: '( is never closed by )' },
  { name: 'text behind quotes', template: '${LABELS."app"x}', at: 15, message: 'unexpected "x"' },
  { name: 'a quote inside a name', template: '${LAB"ELS}', at: 6, message: 'unexpected "\\""' },
])('refuses $name', ({ template, at, message }) => {
  const error = thrownBy(() => parseTemplate(template))
  expect(error).toBeInstanceOf(TemplateError)
  expect(error).toMatchObject({ at, message })
})

function thrownBy(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return error
  }
}

test('any text either compiles and renders, or is refused with a place inside it', () => {
  const piece = fc.constantFrom('${', '}', 'LABELS', '.', ',', '"', '(', ')', ' ', 'a', '$', '-')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      const result = thrownBy(() => parseTemplate(text).render(() => 'x'))
      if (result instanceof TemplateError) expect(result.at >= 1 && result.at <= text.length + 1).toBe(true)
      else expect(typeof result).toBe('string')
    }),
    { numRuns: 3000 },
  )
})
