/** Defines access tokens (JWT, RFC 7519) as data: their claims, and the secrets by `kid`. @fastify/jwt signs them. */
import { type Static, Type } from '@sinclair/typebox'
import { keyId } from '../../lib/key-id.ts'
import { ChatError } from '../../protocol/errors.ts'
import { compile } from '../../protocol/validation.ts'

/** Describes the claims of an access token. `uid` is the identity, `sub` the display name; times are seconds since the epoch. */
export const AccessClaims = Type.Object({
  sub: Type.String({ minLength: 1 }),
  uid: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
  jti: Type.String({ minLength: 1 }),
  iat: Type.Integer({ minimum: 0 }),
  exp: Type.Integer({ minimum: 0 }),
  aud: Type.String()
})
export type AccessClaims = Static<typeof AccessClaims>

const isAccessClaims = compile(AccessClaims)

/** Returns the claims of a verified payload. Throws `invalid_token` if they aren't those of an access token. */
export const readClaims = (payload: unknown): AccessClaims => {
  if (isAccessClaims(payload)) return payload as AccessClaims
  throw new ChatError('invalid_token', 'The token is not an access token of this service.')
}

/** Holds a secret and the `kid` that tokens carry for it. */
export interface NamedSecret {
  readonly kid: string
  readonly secret: string
}

/** Holds the secrets in use: the current one signs, all verify. */
export interface SecretRing {
  readonly current: NamedSecret
  readonly all: readonly NamedSecret[]
  find(kid: string): string | undefined
}

/** Creates the ring; each `kid` is derived from its secret. */
export const createSecretRing = (secrets: { current: string; previous?: readonly string[] }): SecretRing => {
  const named = (secret: string): NamedSecret => ({ kid: keyId('secret-key', secret), secret })
  const current = named(secrets.current)
  const all = [current, ...(secrets.previous ?? []).map(named)]
  return { current, all, find: kid => all.find(one => one.kid === kid)?.secret }
}
