/**
 * Creates and parses refresh tokens of the form `sid.n.secret.mac`. The secret of token n + 1 is an HMAC-SHA-256. Its key is
 * the secret of token n, and its message is the salt of the session. So every exchange of token n returns the same successor.
 * The database stores only the SHA-256 of the two newest secrets. The `mac` shows whether the session has issued a token, even
 * if the hash of the token's secret is no longer stored.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** A parsed refresh token. None of its values has been verified. */
export interface RefreshToken {
  readonly sessionId: string
  readonly number: number
  readonly secret: string
  readonly mac: string
}

/** Two random values of a session. `salt` is used for the secrets of its refresh tokens, and `macKey` for their `mac`. */
export interface RefreshKeys {
  readonly salt: string
  readonly macKey: string
}

const BYTES = 32
const TOKEN = /^([\w-]{22})\.([1-9]\d{0,8})\.([\w-]{43})\.([\w-]{43})$/

/** Parses a token. Returns undefined if the text is not a refresh token. */
export const parseRefreshToken = (text: string): RefreshToken | undefined => {
  const [, sessionId, number, secret, mac] = TOKEN.exec(text) ?? []
  if (!sessionId || !number || !secret || !mac) return undefined
  return { sessionId, number: Number(number), secret, mac }
}

/** Returns the id of the session in a token, or undefined if the text is not a refresh token. */
export const sessionIdOfToken = (text: string): string | undefined => parseRefreshToken(text)?.sessionId

/** Returns random keys for a session, and the secret of its first token. */
export const createRefreshKeys = (): RefreshKeys & { readonly secret: string } => ({
  secret: random(),
  salt: random(),
  macKey: random()
})

/** Returns the text of a token. */
export const refreshTokenOf = (token: Omit<RefreshToken, 'mac'>, { macKey }: Pick<RefreshKeys, 'macKey'>): string =>
  `${bodyOf(token)}.${macOf(token, macKey)}`

/** Returns the secret of the next token. */
export const nextSecret = (secret: string, { salt }: Pick<RefreshKeys, 'salt'>): string =>
  createHmac('sha256', Buffer.from(secret, 'base64url')).update(salt).digest('base64url')

/** Returns the hash of a secret. The database stores only this hash. */
export const hashOfSecret = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

/** Returns whether the session has issued this token. */
export const hasMac = (token: RefreshToken, { macKey }: Pick<RefreshKeys, 'macKey'>): boolean =>
  isEqual(token.mac, macOf(token, macKey))

/** Compares two texts in constant time. */
export const isEqual = (one: string, other: string | null): boolean =>
  other !== null && one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))

const random = (): string => randomBytes(BYTES).toString('base64url')

const bodyOf = ({ sessionId, number, secret }: Omit<RefreshToken, 'mac'>): string => `${sessionId}.${number}.${secret}`

const macOf = (token: Omit<RefreshToken, 'mac'>, macKey: string): string =>
  createHmac('sha256', Buffer.from(macKey, 'base64url')).update(bodyOf(token)).digest('base64url')
