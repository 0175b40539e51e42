import { expect, test } from 'vitest'
import { hostOfAuthority, isLoopback, serviceHost, splitEndpoint } from './service_host.ts'
import { parseSpiffe } from './spiffe.ts'

const scope = { namespace: 'shop', clusterDomain: 'cluster.local' }

test.for([
  { authority: 'reviews:9080', host: 'reviews.shop.svc.cluster.local', name: 'reviews', namespace: 'shop' },
  { authority: 'Reviews', host: 'reviews.shop.svc.cluster.local', name: 'reviews', namespace: 'shop' },
  { authority: 'reviews.shop', host: 'reviews.shop.svc.cluster.local', name: 'reviews', namespace: 'shop' },
  { authority: 'reviews.other.svc:80', host: 'reviews.other.svc.cluster.local', name: 'reviews', namespace: 'other' },
  { authority: 'reviews.other.svc.cluster.local', host: 'reviews.other.svc.cluster.local', name: 'reviews', namespace: 'other' },
  { authority: 'reviews.other.svc.elsewhere.net', host: 'reviews.other.svc.elsewhere.net', name: 'reviews.other.svc.elsewhere.net', namespace: '' },
  { authority: 'example.com', host: 'example.com', name: 'example.com', namespace: '' },
  { authority: 'example.com:8443', host: 'example.com:8443', name: 'example.com:8443', namespace: '' },
  { authority: '127.0.0.1:8080', host: '127.0.0.1:8080', name: '127.0.0.1:8080', namespace: '' },
  { authority: '[::1]:8080', host: '[::1]:8080', name: '[::1]:8080', namespace: '' },
  { authority: 'localhost:80', host: 'localhost:80', name: 'localhost:80', namespace: '' },
  { authority: 'bad host!', host: 'bad host!', name: 'bad host!', namespace: '' },
  { authority: '', host: '', name: '', namespace: '' },
  { authority: 'x'.repeat(300), host: '', name: '', namespace: '' },
])('completes the Host header $authority as a pod would', ({ authority, ...expected }) => {
  expect(hostOfAuthority(authority, scope)).toEqual(expected)
})

test('leaves short hosts alone where there is no cluster domain', () => {
  expect(hostOfAuthority('reviews:9080', { namespace: 'shop', clusterDomain: '' })).toEqual({ host: 'reviews:9080', name: 'reviews:9080', namespace: '' })
})

test('a host of Kubernetes has a name and a namespace, any other is its own name', () => {
  expect(serviceHost('reviews.shop.svc.cluster.local')).toEqual({ host: 'reviews.shop.svc.cluster.local', name: 'reviews', namespace: 'shop' })
  expect(serviceHost('api.example.com')).toEqual({ host: 'api.example.com', name: 'api.example.com', namespace: '' })
})

test.for([
  { text: '10.0.0.1:8080', ip: '10.0.0.1', port: 8080 },
  { text: '[fd00::1]:8080', ip: 'fd00::1', port: 8080 },
  { text: 'fd00::1', ip: 'fd00::1', port: 0 },
  { text: '', ip: '', port: 0 },
])('splits the endpoint $text', ({ text, ip, port }) => {
  expect(splitEndpoint(text)).toEqual({ ip, port })
})

test.for([
  { id: 'spiffe://cluster.local/ns/shop/sa/reviews', expected: { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'reviews', service: '' } },
  { id: 'spiffe://1111.consul/ns/default/dc/dc1/svc/web', expected: { trustDomain: '1111.consul', namespace: 'default', serviceAccount: '', service: 'web' } },
  { id: 'spiffe://1111.consul/ap/p1/ns/n1/dc/dc1/svc/web', expected: { trustDomain: '1111.consul', namespace: 'n1', serviceAccount: '', service: 'web' } },
  { id: 'spiffe://td/anything', expected: { trustDomain: 'td', namespace: '', serviceAccount: '', service: '' } },
  { id: 'spiffe://', expected: undefined },
  { id: 'https://cluster.local/ns/shop', expected: undefined },
  { id: '', expected: undefined },
])('reads the SPIFFE id $id', ({ id, expected }) => {
  expect(parseSpiffe(id)).toEqual(expected)
})

test('knows the loopback addresses of both families', () => {
  expect(['127.0.0.6', '::1', '10.0.0.1', ''].map(isLoopback)).toEqual([true, true, false, false])
})
