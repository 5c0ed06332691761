/** Normalizes client addresses: rate limits count them and logs contain them. */
import { isIPv4, isIPv6 } from 'node:net'
import proxyAddr from '@fastify/proxy-addr'

/** Represents a client without an address: one on a Unix socket, an injected request, or an invalid entry. */
export const UNKNOWN_ADDRESS = 'unknown'

/** Describes the part of a request that is read. */
export interface AddressedRequest {
  /** Holds Fastify's value. It is undefined on a Unix socket, even if `trustProxy` is set and a proxy sent an address. */
  readonly ip: string | undefined
}

/** Matches the hexadecimal form in which `URL` writes an IPv4 address that is mapped into IPv6. */
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/
const GROUPS = 8

/**
 * Returns a plain address: without a port (Azure sends `203.0.113.2:40001` in X-Forwarded-For), brackets, quotes (RFC 7239) or a
 * zone. IPv6 is in its short form (RFC 5952), and IPv4 mapped into IPv6 is IPv4. Returns `unknown` for anything else.
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

/** Returns the address of a request's client. */
export const clientAddress = (request: AddressedRequest): string => {
  try {
    return normalizeAddress(request.ip)
  } catch {
    // With `trustProxy`, Fastify reads the address of a socket, which an injected upgrade doesn't have.
    return UNKNOWN_ADDRESS
  }
}

/** Returns what a rate limit counts as one client: an IPv4 address, or the /64 of a household, as `2001:db8:0:1::/64`. */
export const networkOf = (address: string | undefined): string => {
  const plain = normalizeAddress(address)
  if (!isIPv6(plain)) return plain
  const [left = [], right = []] = plain.split('::').map(side => side.split(':').filter(Boolean))
  const zeros = Array.from({ length: GROUPS - left.length - right.length }, () => '0')
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`
}

/** Returns what a rate limit counts as the client of a request. */
export const clientNetwork = (request: AddressedRequest): string => networkOf(clientAddress(request))

/**
 * Returns Fastify's `trustProxy` for addresses, CIDRs, `loopback`, `linklocal` and `uniquelocal`. It recognizes a proxy even if
 * its entry in X-Forwarded-For has a port. Throws a TypeError for anything else.
 */
export const trustProxies = (proxies: readonly string[]): ((address: string) => boolean) => {
  const isTrusted = proxyAddr.compile([...proxies])
  return address => isTrusted(normalizeAddress(address), 0)
}
