/** Decides by origin (RFC 6454) which pages may call the API and open a WebSocket. Used for CORS and for upgrades. */

/**
 * An origin in the form that browsers send, or the reason why a text was rejected. An origin with the host `*.example.com`
 * matches all subdomains.
 */
export type ParsedOrigin = { readonly origin: string } | { readonly reason: string }

export interface Origins {
  /**
   * Returns whether a page with this origin is allowed. Returns false if `origin` is undefined, because a client that sends no
   * origin is not a page.
   */
  isAllowed(origin: string | undefined): boolean
}

const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\\@\s]*)$/
/** Maximum length of an origin. A host name has at most 253 characters (RFC 1035). */
const MAX_LENGTH = 300
const WILDCARD = '*.'
const WEB_SCHEMES: readonly string[] = ['http', 'https']

/**
 * Parses an origin from a setting or a request. Pages have an origin with the scheme http or https; hybrid apps and extensions
 * have schemes of their own (`capacitor://localhost`, `chrome-extension://…`). The wildcards `*` and `*.example.com` are
 * accepted too. Rejects a text that no browser sends as an origin, and a scheme that looks like a misspelled `https`. Also
 * rejects the origin `null`, because any website can send it. `reason` completes a sentence whose subject is the origin.
 */
export const parseOrigin = (text: string): ParsedOrigin => {
  const lower = text.toLowerCase()
  if (lower === '*') return { origin: '*' }
  // A sandboxed frame on any website has the origin `null`, so allowing `null` would allow every page.
  if (lower === 'null') return { reason: 'must not be null, because any website can send that origin' }
  if (lower === 'file://') return { origin: lower }
  const [, scheme = '', authority = ''] = ORIGIN.exec(lower) ?? []
  if (authority === '') return { reason: reasonOf(lower) }
  if (scheme === 'ws' || scheme === 'wss') {
    return {
      reason: `must be the origin of a page: write ${scheme === 'ws' ? 'http' : 'https'}:// instead of ${scheme}://`
    }
  }
  const isWeb = WEB_SCHEMES.includes(scheme)
  // Apps choose their own schemes, so only schemes that nobody can have chosen on purpose are rejected.
  if (scheme === 'ftp') return { reason: 'must begin with http:// or https://, because browsers open no page over FTP' }
  if (!isWeb && WEB_SCHEMES.some(web => isOneEditFrom(scheme, web)))
    return { reason: 'must begin with http:// or https://, from which its scheme differs by one letter' }
  const host = isWeb && authority.startsWith(WILDCARD) ? authority.slice(WILDCARD.length) : authority
  if (host.includes('*'))
    return { reason: 'may have a * only as the first label of a host, such as https://*.example.com' }
  if (!isWeb) return { origin: lower }
  if (!URL.canParse(`${scheme}://${host}`)) return { reason: 'must have a host name, and a port of at most 65535' }
  const url = new URL(`${scheme}://${host}`)
  if (host === authority) return { origin: url.origin }
  if (/^[\d.]+$|^\[/.test(url.hostname))
    return { reason: 'must not have a * before an IP address, which has no subdomains' }
  if (!/\.|^localhost$/.test(url.hostname)) return { reason: 'must not allow a whole top-level domain' }
  return { origin: `${scheme}://${WILDCARD}${url.host}` }
}

/** Returns whether a word is another word with one letter added, removed or replaced, or with two neighbors swapped. */
const isOneEditFrom = (word: string, other: string): boolean => {
  const shorter = Math.min(word.length, other.length)
  let start = 0
  while (start < shorter && word[start] === other[start]) start++
  let end = 0
  while (end < shorter - start && word.at(-1 - end) === other.at(-1 - end)) end++
  const [changed, original] = [word.slice(start, word.length - end), other.slice(start, other.length - end)]
  if (changed.length === 2) return original.length === 2 && changed === `${original[1]}${original[0]}`
  return changed.length <= 1 && original.length <= 1
}

const reasonOf = (text: string): string => {
  if (!/^[a-z][a-z0-9+.-]*:\/\//.test(text)) return 'must begin with a scheme, such as https://'
  if (text.includes('@')) return 'must not have a user name or password'
  if (/^[^:]+:\/\/[^/?#\\@\s]+\/$/.test(text)) return 'must not end with a slash'
  if (/^[^:]+:\/\/[^/?#\\@\s]+[/?#\\]/.test(text)) return 'must not have a path, a query or a fragment'
  return 'must be an origin such as https://chat.example.com'
}

/**
 * Creates the list of allowed origins from `CORS_ORIGINS` and the origin of `PUBLIC_URL`. Throws a TypeError for an origin that
 * `parseOrigin` rejects.
 */
export const createOrigins = (allowed: readonly string[], publicUrl?: string): Origins => {
  const parsed = [...allowed, ...(publicUrl ? [new URL(publicUrl).origin] : [])].map(required)
  const exact = new Set(parsed)
  const subdomains = parsed
    .filter(origin => origin.includes(WILDCARD))
    .map(origin => origin.split('*') as [string, string])

  return {
    isAllowed(given) {
      if (given === undefined) return false
      if (exact.has('*')) return true
      if (given.length > MAX_LENGTH) return false
      const page = parseOrigin(given)
      if (!('origin' in page) || page.origin.includes('*')) return false
      const { origin } = page
      return exact.has(origin) || subdomains.some(([start, end]) => isBetween(origin, start, end))
    }
  }
}

/**
 * Returns whether an origin has a subdomain between `start` and `end`. For `*.example.com`, `end` is `.example.com`. Because of
 * the dot, `example.com` and `myexample.com` do not match.
 */
const isBetween = (origin: string, start: string, end: string): boolean =>
  origin.length > start.length + end.length && origin.startsWith(start) && origin.endsWith(end)

const required = (text: string): string => {
  const parsed = parseOrigin(text)
  if ('origin' in parsed) return parsed.origin
  // The text is not quoted, because it may contain a password.
  throw new TypeError(`An allowed origin ${parsed.reason}. Correct CORS_ORIGINS or PUBLIC_URL.`)
}

/**
 * Returns whether an origin has the host and port to which a request was sent. `host` is the `Host` header of the request. The
 * origin and the header may omit the default port.
 */
export const isOwnOrigin = (origin: string, host: string): boolean => {
  const own = `${origin.split(':', 1)[0]}://${host}`
  return (
    /^https?:/.test(origin) && URL.canParse(origin) && URL.canParse(own) && new URL(origin).host === new URL(own).host
  )
}

/**
 * Returns whether the CORS headers of a response allow a page to open a WebSocket. A browser sends cookies with a WebSocket
 * regardless of CORS. So if the request has cookies, the headers must allow credentials, as for a `fetch` with credentials.
 */
export const isAllowedByCors = (
  headers: Readonly<Record<string, unknown>>,
  origin: string,
  hasCookies: boolean
): boolean => {
  const allowed = headers['access-control-allow-origin']
  if (allowed !== origin && allowed !== '*') return false
  return !hasCookies || (allowed === origin && headers['access-control-allow-credentials'] === 'true')
}

/** Returns the options of @fastify/cors for these origins. */
export const corsOptions = (origins: Origins) => ({
  // A client without an `Origin` header is not a page and needs no `Access-Control-*` headers. For an origin that is not
  // allowed, the value is an empty list, because with `false` the response to a preflight would be a 404.
  origin: (origin: string | undefined, allow: (error: null, origin: false | string | string[]) => void): void =>
    allow(null, origin === undefined ? false : origins.isAllowed(origin) ? origin : []),
  credentials: true,
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-request-id'],
  exposedHeaders: EXPOSED,
  maxAge: 600,
  // With a strict preflight, an OPTIONS request that is not a preflight gets a 400 in plain text instead of a problem.
  strictPreflight: false
})

const EXPOSED = ['retry-after', 'x-request-id', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']

/**
 * Returns the CORS headers for a response that is sent without running hooks, for example to a request with a malformed URL.
 * Without these headers the page could not read the response.
 */
export const corsHeaders = (origins: Origins, origin: string | undefined): Record<string, string> => ({
  vary: 'Origin',
  ...(origin !== undefined && origins.isAllowed(origin)
    ? {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': EXPOSED.join(', ')
      }
    : {})
})
