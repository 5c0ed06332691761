/** Where a WebSocket client may put its token, since a browser can't set headers; PROTOCOL "The WebSocket". */

/** The places, in order of preference. */
export interface TokenPlaces {
  /** The `Authorization` header (RFC 6750). */
  readonly authorization?: string | undefined
  /** The `Sec-WebSocket-Protocol` header: `bearer, <token>`, alone or after `chat.v1`. */
  readonly subprotocols?: string | undefined
  /** `?token=`. */
  readonly queryToken?: string | undefined
}

/** The token from the first place that has one. */
export const extractToken = ({ authorization, subprotocols, queryToken }: TokenPlaces): string | undefined =>
  fromHeader(authorization) || fromSubprotocols(subprotocols) || queryToken || undefined

const fromHeader = (header: string | undefined): string | undefined => /^bearer +(\S+) *$/i.exec(header ?? '')?.[1]

const fromSubprotocols = (header: string | undefined): string | undefined => {
  const [first, ...rest] = (header ?? '').split(',').map(item => item.trim())
  const [scheme, token] = first === 'chat.v1' ? rest : [first, ...rest]
  return scheme === 'bearer' ? token : undefined
}

/** The subprotocol to answer: `chat.v1` if offered, else `bearer`; never the token itself. */
export const selectSubprotocol = (offered: ReadonlySet<string>): 'chat.v1' | 'bearer' | false =>
  offered.has('chat.v1') ? 'chat.v1' : offered.has('bearer') ? 'bearer' : false
