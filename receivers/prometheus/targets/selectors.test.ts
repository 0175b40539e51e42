import { expect, test } from 'vitest'
import { parseFieldSelector, parseLabelSelector } from './selectors.ts'

const LABELS = { app: 'shop', env: 'prod', 'k8s.io/x': '' }

test.for<readonly [string, boolean]>([
  ['', true],
  ['app=shop', true],
  ['app==shop,env=prod', true],
  ['app=shop, env=test', false],
  ['app!=shop', false],
  ['none!=x', true],
  ['env in (test, prod),app', true],
  ['env notin (test,prod)', false],
  ['none notin (a)', true],
  ['none in (a)', false],
  ['!none', true],
  ['!app', false],
  ['k8s.io/x=', true],
])('the label selector %j says %s', ([selector, expected]) => {
  expect(parseLabelSelector(selector)(LABELS)).toBe(expected)
})

const POD = { 'metadata.name': 'a', 'metadata.namespace': 'b', 'spec.nodeName': 'n1', 'status.phase': 'Running' }

test.for<readonly [string, boolean]>([
  ['', true],
  ['spec.nodeName=n1', true],
  ['spec.nodeName=n2', false],
  ['status.phase!=Pending,metadata.name==a', true],
])('the field selector %j says %s', ([selector, expected]) => {
  expect(parseFieldSelector(selector)(POD)).toBe(expected)
})

test('what is no selector is told', () => {
  expect(() => parseLabelSelector('a=b=c')).toThrow('not a label selector: a=b=c')
  expect(() => parseFieldSelector('spec.hostIP=1')).toThrow('field spec.hostIP is not supported')
})
