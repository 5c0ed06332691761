/**
 * Defines the claims of access tokens (JWT, RFC 7519), and the secrets that sign and verify the tokens. Each secret has an id,
 * its `kid`.
 */
import { type Static, Type } from '@sinclair/typebox'
import { keyId } from '../../lib/key-id.ts'
import { ChatError } from '../../protocol/errors.ts'
import { compile } from '../../protocol/validation.ts'

/**
 * The claims of an access token. `uid` is the user's id, and `sub` is the username. Times are in seconds since the epoch. `sid`
 * is the id of the session, and `gen` is the user's generation. `rtn` is the number of the refresh token that was issued with
 * the access token. A token of a release without sessions has no `sid`, `gen` or `rtn`, and counts as generation 0.
 */
export const AccessClaims = Type.Object({
  sub: Type.String({ minLength: 1 }),
  uid: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
  jti: Type.String({ minLength: 1 }),
  iat: Type.Integer({ minimum: 0 }),
  exp: Type.Integer({ minimum: 0 }),
  aud: Type.String(),
  sid: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  gen: Type.Optional(Type.Integer({ minimum: 0 })),
  rtn: Type.Optional(Type.Integer({ minimum: 1 }))
})
export type AccessClaims = Static<typeof AccessClaims>

const isAccessClaims = compile(AccessClaims)

/** Returns the claims of a verified payload. Throws `invalid_token` if the payload lacks the claims of an access token. */
export const readClaims = (payload: unknown): AccessClaims => {
  if (isAccessClaims(payload)) return payload as AccessClaims
  throw new ChatError('invalid_token', 'The token is not an access token of this service.')
}

/** A secret, and the `kid` in the header of the tokens that it signs. */
export interface NamedSecret {
  readonly kid: string
  readonly secret: string
}

/** The secrets in use. The current secret signs tokens, and all secrets verify tokens. */
export interface SecretRing {
  readonly current: NamedSecret
  readonly all: readonly NamedSecret[]
  find(kid: string): string | undefined
}

/** Creates a SecretRing. Each `kid` is derived from its secret. */
export const createSecretRing = (secrets: { current: string; previous?: readonly string[] }): SecretRing => {
  const named = (secret: string): NamedSecret => ({ kid: keyId('secret-key', secret), secret })
  const current = named(secrets.current)
  const all = [current, ...(secrets.previous ?? []).map(named)]
  return { current, all, find: kid => all.find(one => one.kid === kid)?.secret }
}
