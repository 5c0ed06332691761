/**
 * Reads and writes the cookie of a session. Only pages of the service's own origin may use it; pages of any other origin send
 * tokens in the body.
 */
import { createHash } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ChatError } from '../protocol/errors.ts'

export interface SessionCookiesOptions {
  /**
   * The `aud` claim of the service. The name of the cookie contains a hash of this claim, so that services on the same host
   * have different cookies.
   */
  readonly audience: string
  readonly publicUrl?: string | undefined
}

export interface SessionCookies {
  /** Returns the refresh token in the cookie of a request. Does not check where the request comes from. */
  read(request: FastifyRequest): string | undefined
  /** Throws `origin_not_allowed` unless a page of the service sent the request. The page needs HTTPS or a local host name. */
  requireOwnPage(request: FastifyRequest): void
  /** Returns whether `requireOwnPage` accepts the request. */
  isOwnPage(request: FastifyRequest): boolean
  /** Sets the cookie. Without `maxAgeMs`, the browser keeps the cookie until the browser is closed. */
  write(request: FastifyRequest, reply: FastifyReply, token: string, maxAgeMs: number | undefined): void
  /** Deletes the cookie. */
  clear(request: FastifyRequest, reply: FastifyReply): void
}

/** Hosts on which the cookie may be used without TLS, because the requests do not leave the computer. */
const LOCAL = new Set(['localhost', '127.0.0.1', '[::1]'])

export const createSessionCookies = ({ audience, publicUrl }: SessionCookiesOptions): SessionCookies => {
  const ownOrigin = publicUrl === undefined ? undefined : new URL(publicUrl).origin
  const name = `chat-${createHash('sha256').update(audience).digest('hex').slice(0, 8)}`

  const originOf = (request: FastifyRequest): string | undefined =>
    ownOrigin ?? originFrom(`${request.protocol}://${request.host}`)

  /** Returns the name of the cookie. Over plain HTTP it contains the port, because cookies are shared by all ports of a host. */
  const nameOf = (request: FastifyRequest): { readonly name: string; readonly isSecure: boolean } => {
    const url = new URL(originOf(request) ?? 'https://localhost')
    if (url.protocol === 'https:') return { name: `__Host-${name}`, isSecure: true }
    return { name: `${name}-${url.port || '80'}`, isSecure: false }
  }

  const set = (request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number | undefined): void => {
    const { name: named, isSecure } = nameOf(request)
    const attributes = { path: '/', httpOnly: true, sameSite: 'strict', secure: isSecure } as const
    const age = maxAge === undefined ? {} : { maxAge }
    reply.header('set-cookie', stringifySetCookie(named, value, { ...attributes, ...age }))
  }

  const isOwnPage = (request: FastifyRequest): boolean => reasonAgainst(request, originOf(request)) === undefined

  return {
    read: request => parseCookie(request.headers.cookie ?? '')[nameOf(request).name] || undefined,
    requireOwnPage(request) {
      const reason = reasonAgainst(request, originOf(request))
      if (reason) throw new ChatError('origin_not_allowed', reason)
    },
    isOwnPage,
    write: (request, reply, token, maxAgeMs) =>
      set(request, reply, token, maxAgeMs === undefined ? undefined : Math.floor(maxAgeMs / 1000)),
    clear: (request, reply) => set(request, reply, '', 0)
  }
}

const originFrom = (text: string): string | undefined => (URL.canParse(text) ? new URL(text).origin : undefined)

/** Returns why a request may not use the cookie, or undefined if it may. */
const reasonAgainst = ({ headers }: FastifyRequest, own: string | undefined): string | undefined => {
  const site = headers['sec-fetch-site']
  if (own === undefined || headers.origin !== own || (site !== undefined && site !== 'same-origin')) {
    return 'Only pages of the service itself may use the cookie. Use tokens in the body, or set PUBLIC_URL to the URL of the service.'
  }
  const { protocol, hostname } = new URL(own)
  if (protocol === 'https:' || LOCAL.has(hostname)) return undefined
  return 'The cookie needs HTTPS. Use tokens in the body, or serve the page over HTTPS.'
}
