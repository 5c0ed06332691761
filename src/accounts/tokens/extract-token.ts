/**
 * Extracts the access token from a request. A WebSocket client in a browser cannot set the `Authorization` header, so a token
 * may also be in the subprotocols or in the query. See docs/protocol.md.
 */

/** The parts of a request that may contain a token, in order of precedence. */
export interface TokenPlaces {
  /** The `Authorization` header (RFC 6750). */
  readonly authorization?: string | undefined
  /** The `Sec-WebSocket-Protocol` header: `bearer, <token>`, alone or after `chat.v1`. */
  readonly subprotocols?: string | undefined
  /** The query parameter `?token=`. */
  readonly queryToken?: string | undefined
}

/** Returns the token from the first part that contains a token. */
export const extractToken = ({ authorization, subprotocols, queryToken }: TokenPlaces): string | undefined =>
  fromHeader(authorization) || fromSubprotocols(subprotocols) || queryToken || undefined

const fromHeader = (header: string | undefined): string | undefined => /^bearer +(\S+) *$/i.exec(header ?? '')?.[1]

const fromSubprotocols = (header: string | undefined): string | undefined => {
  const [first, ...rest] = (header ?? '').split(',').map(item => item.trim())
  const [scheme, token] = first === 'chat.v1' ? rest : [first, ...rest]
  return scheme === 'bearer' ? token : undefined
}

/**
 * Returns the subprotocol to accept: `chat.v1` if it is offered, or else `bearer` if that is offered. Returns false if neither
 * is offered. By default, the library would accept the first offered subprotocol, which could be a token.
 */
export const selectSubprotocol = (offered: ReadonlySet<string>): 'chat.v1' | 'bearer' | false =>
  offered.has('chat.v1') ? 'chat.v1' : offered.has('bearer') ? 'bearer' : false
