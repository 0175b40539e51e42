import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseImage, qualifiedName } from './image.ts'

const DIGEST = `sha256:${'b248'.repeat(16)}`

test.for([
  { image: 'nginx', name: 'nginx', tag: '', digest: '' },
  { image: 'nginx:1.27', name: 'nginx', tag: '1.27', digest: '' },
  { image: 'localhost:5000/team/app', name: 'localhost:5000/team/app', tag: '', digest: '' },
  { image: 'example.com:5000/alpine/alpine:test', name: 'example.com:5000/alpine/alpine', tag: 'test', digest: '' },
  { image: `ghcr.io/acme/shop:0.112.0@${DIGEST}`, name: 'ghcr.io/acme/shop', tag: '0.112.0', digest: DIGEST },
  { image: `ghcr.io/acme/shop@${DIGEST}`, name: 'ghcr.io/acme/shop', tag: '', digest: DIGEST },
  { image: `docker.io/library/a__b-c:v1`, name: 'docker.io/library/a__b-c', tag: 'v1', digest: '' },
  { image: DIGEST, name: '', tag: '', digest: '' },
  { image: 'no spaces allowed', name: '', tag: '', digest: '' },
  { image: '', name: '', tag: '', digest: '' },
])('takes apart $image', ({ image, ...parts }) => {
  expect(parseImage(image)).toEqual(parts)
})

test.for([
  { name: 'nginx', qualified: 'docker.io/library/nginx' },
  { name: 'acme/shop', qualified: 'docker.io/acme/shop' },
  { name: 'ghcr.io/acme/shop', qualified: 'ghcr.io/acme/shop' },
  { name: 'localhost/shop', qualified: 'localhost/shop' },
])('qualifies $name', ({ name, qualified }) => {
  expect(qualifiedName(name)).toBe(qualified)
})

test('never throws and never takes long', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '.', '-', '_', '/', ':', '@', '1'), maxLength: 1100 }), (image) => {
      expect(parseImage(image).name.length).toBeLessThanOrEqual(image.length)
    }),
  )
})
