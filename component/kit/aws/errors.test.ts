import { expect, test } from 'vitest'
import { awsErrorOf, xmlElement } from './errors.ts'

const json = (value: object) => JSON.stringify(value)

test.for([
  {
    name: 'throttling as 400',
    code: 400,
    body: json({ __type: 'ThrottlingException', message: 'Rate exceeded' }),
    kind: 'throttled',
    message: 'Put: ThrottlingException: Rate exceeded',
  },
  { name: 'throttling as 429 without a name', code: 429, body: '', kind: 'throttled', message: 'Put: HTTP 429' },
  {
    name: 'a namespace before the name',
    code: 400,
    body: json({ __type: 'com.amazonaws.logs#ResourceNotFoundException' }),
    kind: 'not_found',
    message: /^Put: ResourceNotFoundException/,
  },
  {
    name: 'an address after the name',
    code: 400,
    body: json({ __type: 'ExpiredTokenException:http://internal/' }),
    kind: 'proof',
    message: /^Put: ExpiredTokenException/,
  },
  {
    name: 'a message with a capital',
    code: 400,
    body: json({ __type: 'AccessDeniedException', Message: 'not authorized' }),
    kind: 'denied',
    message: 'Put: AccessDeniedException: not authorized',
  },
  { name: 'a denial of KMS', code: 400, body: json({ __type: 'KMSDisabledException' }), kind: 'denied', message: /KMSDisabled/ },
  { name: 'a concurrent change', code: 400, body: json({ __type: 'OperationAbortedException' }), kind: 'conflict', message: /Aborted/ },
  { name: 'a body that is too large', code: 413, body: '', kind: 'too_large', message: 'Put: HTTP 413' },
  { name: 'an unknown failure of the service', code: 500, body: json({ __type: 'NewException' }), kind: 'unavailable', message: /NewException/ },
  { name: 'a page of a load balancer', code: 502, body: '<html>502</html>', kind: 'unavailable', message: 'Put: HTTP 502: <html>502</html>' },
  { name: 'another server', code: 404, body: 'not here', kind: 'misdirected', message: 'Put: HTTP 404: not here' },
  {
    name: 'an error in XML',
    code: 403,
    body: '<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>no &quot;such&quot; token</Message></Error></ErrorResponse>',
    kind: 'proof',
    message: 'Put: InvalidClientTokenId: no "such" token',
  },
])('$name is told apart', ({ code, body, kind, message }, { expect: check }) => {
  const error = awsErrorOf('Put', { code, headers: {}, body: Buffer.from(body) })
  check(error.kind).toBe(kind)
  check(error.message).toMatch(message)
})

test('the name in a header goes before that in the body, and a long answer is cut', () => {
  const error = awsErrorOf('Put', { code: 400, headers: { 'x-amzn-errortype': 'InvalidParameterException' }, body: Buffer.from('x'.repeat(1000)) })
  expect(error).toMatchObject({ kind: 'invalid', type: 'InvalidParameterException' })
  expect(error.message.length).toBeLessThan(400)
})

test('an element that is not there has no text', () => {
  expect(xmlElement(Buffer.from('<a>1</a>'), 'b')).toBeUndefined()
})
