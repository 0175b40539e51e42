import { expect, test } from 'vitest'
import { canSharePorts } from './port_sharing.ts'

test('ports are shared where the kernel spreads connections', () => {
  expect(canSharePorts('linux')).toBe(true)
  expect(canSharePorts('darwin')).toBe(false)
})
