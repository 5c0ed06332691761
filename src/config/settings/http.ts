/** The settings of the HTTP server, of allowed origins, of the API documents and of the web client. */
import { isIP } from 'node:net'
import proxyAddr from '@fastify/proxy-addr'
import { Type } from '@sinclair/typebox'
import { parseOrigin } from '../../lib/origins.ts'
import { checkItems, flag, integer, list, type Mode, oneOf, optional, ownedBy, text } from './define.ts'

const areOrigins = (value: unknown, mode: Mode): string[] => {
  const bad = checkItems(value, origin => {
    const parsed = parseOrigin(origin)
    return 'reason' in parsed ? parsed.reason : undefined
  })
  const isAny = mode === 'production' && Array.isArray(value) && value.includes('*')
  return isAny ? [...bad, 'must not be * in production. List the origins of your pages'] : bad
}

/**
 * Returns whether a value is a valid proxy: an IP address, a CIDR range, or a name such as `loopback`. Shorthands such as
 * `10.1` are not valid, because they are probably mistakes, although Fastify would accept them.
 */
const isProxy = (proxy: unknown): boolean => {
  if (typeof proxy !== 'string') return false
  if (['loopback', 'linklocal', 'uniquelocal'].includes(proxy)) return true
  if (isIP(proxy.split('/', 1)[0] ?? '') === 0) return false
  try {
    proxyAddr.compile([proxy])
    return true
  } catch {
    return false
  }
}

const areProxies = (value: unknown): string[] =>
  !Array.isArray(value) || value.every(isProxy)
    ? []
    : ['must be true, false, or a comma-separated list of addresses or CIDRs such as 10.0.0.0/8']

const isUrl = (value: unknown): string[] =>
  URL.canParse(String(value))
    ? []
    : ['cannot be read as a URL. Encode special characters (@ as %40, / as %2F, # as %23)']

/** The settings of the standalone server. They have no effect in a host application, which has its own server. */
export const serverSettings = ownedBy('server', {
  host: text({ default: '0.0.0.0', description: 'The address to listen on.' }),
  port: integer(8000, { maximum: 65_535, description: 'The port to listen on. 0 for a free one.' }),
  trustProxy: Type.Unsafe<boolean | readonly string[]>({
    anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string' } }],
    default: false,
    description:
      'The IP addresses or CIDRs of the proxies whose `X-Forwarded-For` is trusted. With `true`, every client can choose the address to which limits apply.',
    check: areProxies
  }),
  logLevel: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'The minimum level of log lines.'
  })
})

export const platformSettings = ownedBy('platform', {
  corsOrigins: list(text({ description: 'An origin.' }), {
    description:
      'The origins of pages that may call the API and open a WebSocket, in addition to the service’s own origin. `https://*.example.com` allows every subdomain, but not `https://example.com`. Hybrid apps: `capacitor://localhost`, `tauri://localhost`. `*` is allowed in `dev` only.',
    check: areOrigins
  }),
  publicUrl: optional(
    text({
      pattern: '^https?://[^\\s?#]+$',
      'x-rule': 'must be an http:// or https:// URL',
      description:
        'The URL at which clients reach the service, such as `https://chat.example.com`. Pages of its origin may open a WebSocket. The API documents contain the URL.',
      check: isUrl
    })
  ),
  apiContact: optional(
    text({
      pattern: '^(https?://\\S+|[^@\\s]+@[^@\\s]+)$',
      'x-rule': 'must be an e-mail address or an http:// or https:// URL',
      description: 'An e-mail address or a URL for `info.contact` of the OpenAPI document.'
    })
  )
})

export const appSettings = ownedBy('app', {
  webClient: flag(true, { description: 'Whether to serve the web client at `/app`. `/` redirects browsers to it.' })
})
