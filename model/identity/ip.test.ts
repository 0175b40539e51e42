import { isIP, isIPv4 } from 'node:net'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatIp, normalizeIp, parseIp, prefixBits } from './ip.ts'

test.for([
  { text: '10.0.0.1', is: '10.0.0.1' },
  { text: '255.255.255.255', is: '255.255.255.255' },
  { text: '::ffff:10.1.2.3', is: '10.1.2.3' },
  { text: '::FFFF:0a01:0203', is: '10.1.2.3' },
  { text: '::', is: '::' },
  { text: '::1', is: '::1' },
  { text: 'fe80::1%eth0', is: 'fe80::1' },
  { text: '2001:DB8:0:0:1:0:0:1', is: '2001:db8::1:0:0:1' },
  { text: '2001:db8:0:1:1:1:1:1', is: '2001:db8:0:1:1:1:1:1' },
  { text: '1::', is: '1::' },
  { text: '64:ff9b::1.2.3.4', is: '64:ff9b::102:304' },
])('$text is $is', ({ text, is }) => {
  expect(normalizeIp(text)).toBe(is)
})

test.for([
  '',
  ':',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.',
  '.1.2.3',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '12345::',
  '1:',
  'g::1',
  '::1.2.3',
  '1:2:3:4:5:6:7:1.2.3.4',
  'reviews',
  '%',
])('"%s" is no address', (text) => {
  expect(normalizeIp(text)).toBeUndefined()
})

test('agrees with node:net on any text, and its own form reads as the same address', () => {
  const piece = fc.constantFrom('0', '1', 'ff', 'ffff', '255', '256', '00', ':', '::', '.', '1.2.3.4', 'x')
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (address) => {
      const words = new Int32Array(4)
      const again = new Int32Array(4)
      const family = parseIp(address, words)
      expect(family !== 0).toBe(isIP(address) !== 0)
      if (family === 0) return
      const normal = formatIp(family, words)
      expect(isIPv4(normal)).toBe(family === 4)
      expect(parseIp(normal, again)).toBe(family)
      expect([...again]).toEqual([...words])
    }),
    { numRuns: 2000 },
  )
})

test('a prefix length must fit the family', () => {
  expect(prefixBits('10.0.0.0/8', 8, 4)).toBe(8)
  expect(prefixBits('10.0.0.0/33', 8, 4)).toBe(-1)
  expect(prefixBits('10.0.0.0/x', 8, 4)).toBe(-1)
  expect(prefixBits('::/128', 2, 6)).toBe(128)
})
