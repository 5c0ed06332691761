/** Normalizes the addresses of clients, for rate limits and logs. */
import { isIPv4, isIPv6 } from 'node:net'
import proxyAddr from '@fastify/proxy-addr'

/** Used as the address of a client on a Unix socket, of an injected upgrade, or of a client whose address is not valid. */
export const UNKNOWN_ADDRESS = 'unknown'

/** The part of a Fastify request that this module reads. */
export interface AddressedRequest {
  /** The `ip` of a Fastify request. On a Unix socket it is undefined, even if `trustProxy` is set and a proxy sent an address. */
  readonly ip: string | undefined
}

/** Matches an IPv4-mapped IPv6 address in the hexadecimal form that `URL` returns. */
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/
const GROUPS = 8
const BITS_OF_GROUP = 16

/**
 * Normalizes an address. Removes a port (Azure sends `203.0.113.2:40001` in X-Forwarded-For), brackets, quotes (RFC 7239) and a
 * zone. Returns an IPv6 address in its short form (RFC 5952), and an IPv4-mapped IPv6 address as IPv4. Returns `unknown` if the
 * text is not an address.
 */
export const normalizeAddress = (address: string | undefined): string => {
  const bare = (address ?? '').trim().replace(/^"(.*)"$/, '$1')
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(bare) ?? []
  const host = bracketed ?? (/^(?:::ffff:)?[\d.]+:\d+$/i.test(bare) ? bare.slice(0, bare.lastIndexOf(':')) : bare)
  if (isIPv4(host)) return host
  const [plain = ''] = host.split('%')
  if (!isIPv6(plain)) return UNKNOWN_ADDRESS
  const short = new URL(`http://[${plain}]`).hostname.slice(1, -1)
  const [, high, low] = MAPPED.exec(short) ?? []
  return high && low ? dotted(Number.parseInt(high, 16), Number.parseInt(low, 16)) : short
}

const dotted = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join('.')

/** Returns the normalized address of a request's client. */
export const clientAddress = (request: AddressedRequest): string => {
  try {
    return normalizeAddress(request.ip)
  } catch {
    // With `trustProxy`, Fastify reads the address of the socket. If an injected upgrade has no such address, Fastify throws.
    return UNKNOWN_ADDRESS
  }
}

/**
 * Returns the key by which a rate limit counts a client: an IPv4 address, or the network of an IPv6 address, for example
 * `2001:db8:0:1::/64`. A network provider usually assigns a /64 or a /48 to one customer.
 */
export const networkOf = (address: string | undefined, bits: 48 | 64 = 64): string => {
  const plain = normalizeAddress(address)
  if (!isIPv6(plain)) return plain
  const [left = [], right = []] = plain.split('::').map(side => side.split(':').filter(Boolean))
  const zeros = Array.from({ length: GROUPS - left.length - right.length }, () => '0')
  return `${[...left, ...zeros, ...right].slice(0, bits / BITS_OF_GROUP).join(':')}::/${bits}`
}

/** Returns the key by which a rate limit counts the client of a request. */
export const clientNetwork = (request: AddressedRequest): string => networkOf(clientAddress(request))

/**
 * Returns a function for Fastify's option `trustProxy`. `proxies` may contain addresses, CIDRs, `loopback`, `linklocal` and
 * `uniquelocal`; any other text causes a TypeError. The returned function recognizes a proxy even if its address in
 * X-Forwarded-For has a port.
 */
export const trustProxies = (proxies: readonly string[]): ((address: string) => boolean) => {
  const isTrusted = proxyAddr.compile([...proxies])
  return address => isTrusted(normalizeAddress(address), 0)
}
