import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { clientAddress, networkOf, normalizeAddress, trustProxies } from '../../src/lib/client-address.ts'

test.for([
  ['10.1.2.3', '10.1.2.3'],
  [' 10.1.2.3 ', '10.1.2.3'],
  ['203.0.113.2:40001', '203.0.113.2'],
  ['"203.0.113.2:40001"', '203.0.113.2'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::FFFF:0a01:0203', '10.1.2.3'],
  ['[::ffff:10.1.2.3]:443', '10.1.2.3'],
  ['::ffff:10.1.2.3:40001', '10.1.2.3'],
  ['2001:0DB8:0::0001', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['"[2001:db8::1]:443"', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['[fe80::1%eth0]:80', 'fe80::1'],
  ['::1', '::1'],
  ['', 'unknown'],
  [undefined, 'unknown'],
  ['unknown', 'unknown'],
  ['_hidden', 'unknown'],
  ['localhost:80', 'unknown'],
  ['010.1.2.3', 'unknown'],
  ['1.2.3.4:', 'unknown'],
  ['1.2.3.4:5:6', 'unknown'],
  ['x'.repeat(10_000), 'unknown']
] as const)('normalizes %s to %s', ([address, normalized]) => {
  expect(normalizeAddress(address)).toBe(normalized)
})

test.for([
  ['10.1.2.3', '10.1.2.3'],
  ['10.1.2.3:5000', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['2001:0DB8::1:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
  ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
  ['[2001:db8:0:1::9]:443', '2001:db8:0:1::/64'],
  ['2001:db8:0:1::10.1.2.3', '2001:db8:0:1::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', 'unknown'],
  [undefined, 'unknown']
] as const)('counts %s as %s in rate limits', ([address, network]) => {
  expect(networkOf(address)).toBe(network)
})

test('returns "unknown" if reading the address throws', () => {
  const request = {
    get ip(): string {
      throw new TypeError('no socket')
    }
  }
  expect(clientAddress(request)).toBe('unknown')
})

test.for([
  ['203.0.113.2:40001', '203.0.113.2'],
  ['203.0.113.2:40001, 10.0.0.5:443', '203.0.113.2'],
  ['198.51.100.9, 203.0.113.2:40001, [fd00::5]:443', '203.0.113.2'],
  ['"[2001:db8::1]:40001", ::ffff:10.0.0.5', '2001:db8::1']
] as const)('trusts proxies with ports in X-Forwarded-For: %s', async ([header, address]) => {
  const app = Fastify({ trustProxy: trustProxies(['loopback', '10.0.0.0/8', 'fd00::/8']) })
  onTestFinished(() => app.close())
  app.get('/', async request => clientAddress(request))
  const { body } = await app.inject({ url: '/', headers: { 'x-forwarded-for': header } })
  expect(body).toBe(address)
})

test('does not trust a peer without an address as a proxy', () => {
  expect(trustProxies(['0.0.0.0/1', 'loopback'])(undefined as unknown as string)).toBe(false)
})
