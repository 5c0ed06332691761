/** Finds the token of a WebSocket client, which can't set headers in a browser; see docs/protocol.md. */

/** Holds the places where a token may be, in order of precedence. */
export interface TokenPlaces {
  /** Holds the `Authorization` header (RFC 6750). */
  readonly authorization?: string | undefined
  /** Holds the `Sec-WebSocket-Protocol` header: `bearer, <token>`, alone or after `chat.v1`. */
  readonly subprotocols?: string | undefined
  /** Holds the query parameter `?token=`. */
  readonly queryToken?: string | undefined
}

/** Returns the token from the first place that has one. */
export const extractToken = ({ authorization, subprotocols, queryToken }: TokenPlaces): string | undefined =>
  fromHeader(authorization) || fromSubprotocols(subprotocols) || queryToken || undefined

const fromHeader = (header: string | undefined): string | undefined => /^bearer +(\S+) *$/i.exec(header ?? '')?.[1]

const fromSubprotocols = (header: string | undefined): string | undefined => {
  const [first, ...rest] = (header ?? '').split(',').map(item => item.trim())
  const [scheme, token] = first === 'chat.v1' ? rest : [first, ...rest]
  return scheme === 'bearer' ? token : undefined
}

/** Returns the subprotocol to accept: `chat.v1` if offered, else `bearer`; never the token itself. */
export const selectSubprotocol = (offered: ReadonlySet<string>): 'chat.v1' | 'bearer' | false =>
  offered.has('chat.v1') ? 'chat.v1' : offered.has('bearer') ? 'bearer' : false
