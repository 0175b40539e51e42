import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { labelName, labelValue, logGroupName, logStreamName, metricName, namespaceName } from './names.ts'

describe('a name', () => {
  test.for([
    { name: 'of a label stays when it is one', is: labelName('k8s.pod/name'), wanted: 'k8s.pod/name' },
    { name: 'of a label does not begin with a colon', is: labelName(':authority'), wanted: '_authority' },
    { name: 'of a label is not blank', is: labelName('  '), wanted: '_' },
    { name: 'of a label is not that of the metadata', is: labelName('_aws'), wanted: '_aws_' },
    { name: 'of a metric is ASCII', is: metricName('größe'), wanted: 'gr%C3%B6%C3%9Fe' },
    { name: 'of a metric has no control characters', is: metricName('a\tb\x7f'), wanted: 'a%09b%7F' },
    { name: 'of a namespace is not one of AWS', is: namespaceName('AWS/EC2'), wanted: 'AWS_EC2' },
    { name: 'of a namespace has no other characters', is: namespaceName('shop/cart @1'), wanted: 'shop/cart _1' },
    { name: 'of a log group has no blanks', is: logGroupName('/metrics/my shop'), wanted: '/metrics/my_shop' },
    { name: 'of a log stream has neither colons nor asterisks', is: logStreamName('a:b*c'), wanted: 'a_b_c' },
  ])('$name', ({ is, wanted }) => {
    expect(is).toBe(wanted)
  })
})

test('a blank value is empty, and a value without half a pair of surrogates stays different', () => {
  expect([labelValue(' \t'), labelValue(' '), labelValue('日本'), labelValue('\ud800')]).toEqual(['%09'.padStart(4), '', '%E6%97%A5%E6%9C%AC', '%EF%BF%BD'])
})

test('whatever the text, names and values are what CloudWatch takes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      expect(labelName(text)).toMatch(/^(?!:)(?=.*\S)[\x20-\x7e]{1,250}$/)
      expect(labelValue(text)).toMatch(/^[\x20-\x7e]{0,1024}$/)
      expect(metricName(text)).toMatch(/^(?=.*\S)[\x20-\x7e]{1,255}$/)
      expect(namespaceName(text)).toMatch(/^(?!:|AWS\/)(?=.*\S)[A-Za-z0-9 .\-_/#:]{1,255}$/)
      expect(logStreamName(text)).toMatch(/^[^:*]{0,512}$/)
    }),
  )
})
