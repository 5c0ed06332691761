/** Who is calling: passwords, access tokens and the users behind them; decorates `chatAuth` and `request.chatUser`. */
import { randomUUID } from 'node:crypto'
import jwtPlugin, { type JWT } from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import { extractToken } from '../src/auth/extract-token.ts'
import { createPasswords } from '../src/auth/passwords.ts'
import { type AccessClaims, createSecretRing, readClaims } from '../src/auth/tokens.ts'
import { createUserLookup } from '../src/auth/user-lookup.ts'
import type { Session } from '../src/chat/connection.ts'
import { type Clock, systemClock } from '../src/clock.ts'
import type { UserRow } from '../src/db/database.ts'
import { ChatError } from '../src/errors.ts'
import type { AccessToken } from '../src/schemas/users.ts'

/** Who is behind a request: the user and the session that the token stands for. */
export interface ChatUser extends Session {
  readonly createdAt: number
}

declare module 'fastify' {
  interface FastifyInstance {
    chatAuth: {
      /** Stores a new user. Throws `username_taken`, or `busy` when too many passwords wait. */
      register(username: string, password: string): Promise<UserRow>
      /** Exchanges a username, in any case, and password for a token. Throws `invalid_credentials` or `busy`. */
      login(username: string, password: string): Promise<AccessToken>
      /** The user behind a token. Throws `invalid_token` or `token_expired`: also when the user is gone. */
      authenticate(token: string): Promise<ChatUser>
      /** An onRequest hook: 401 unless `Authorization` holds a good token; sets `request.chatUser`. */
      requireUser(request: FastifyRequest): Promise<void>
    }
  }
  interface FastifyRequest {
    chatUser: ChatUser | null
  }
}

/** Options of the auth plugin. */
export interface ChatAuthOptions {
  /** The secret that signs, 32 characters or more. */
  readonly secretKey: string
  /** Secrets that still verify. */
  readonly secretKeyPrevious?: readonly string[]
  /** The `aud` of our tokens: another instance's are refused. */
  readonly audience: string
  readonly accessTokenExpireMinutes: number
  readonly bcryptRounds: number
  readonly clock?: Clock
}

// Its own name: a host may have @fastify/jwt too, and we never touch its decorators.
const NAMESPACE = 'chat'
/** How many verified tokens are remembered; some 400 bytes each. */
const MAX_VERIFIED = 10_000

export default fp(
  async function chatAuth(fastify: FastifyInstance, options: ChatAuthOptions) {
    const { users } = fastify.chatDb
    const { clock = systemClock } = options
    const passwords = createPasswords({ rounds: options.bcryptRounds })
    const userById = createUserLookup(users.findByIds)
    const tokens = await createTokens(fastify, options, clock)

    const authenticate = async (token: string): Promise<ChatUser> => {
      const claims = tokens.verify(token)
      const user = await userById(claims.uid)
      if (!user) throw badToken()
      return { userId: user.id, username: user.username, createdAt: user.createdAt, expiresAt: claims.exp * 1000 }
    }

    fastify.decorateRequest('chatUser', null)
    fastify.decorate('chatAuth', {
      authenticate,
      async register(username, password) {
        return users.create({ username, hashedPassword: await passwords.hash(password) })
      },
      async login(username, password) {
        // PostgreSQL has no NUL in a text; nobody is called so.
        const user = username.includes('\u0000') ? undefined : await users.findByUsername(username)
        // Verified even when there is no such user, so that both cost the same time.
        const isRight = await passwords.verify(password, user?.hashedPassword)
        if (!user?.hashedPassword || !isRight) throw new ChatError('invalid_credentials', 'Wrong username or password.')
        if (passwords.needsRehash(user.hashedPassword, password)) {
          await users.updatePasswordHash(user.id, await passwords.hash(password))
        }
        return tokens.issue(user)
      },
      async requireUser(request) {
        const token = extractToken({ authorization: request.headers.authorization })
        if (!token) throw new ChatError('missing_token', 'Send the access token as "Authorization: Bearer <token>".')
        request.chatUser = await authenticate(token)
      }
    })
  },
  { name: 'chat-auth', fastify: '5.x', dependencies: ['chat-db'] }
)

/** The user of a request that `requireUser`, or the WebSocket route, has let through. */
export const callerOf = ({ chatUser }: FastifyRequest): ChatUser => {
  if (!chatUser) throw new ChatError('missing_token', 'Send the access token as "Authorization: Bearer <token>".')
  return chatUser
}

interface Tokens {
  issue(user: UserRow): AccessToken
  verify(token: string): AccessClaims
}

/** Signs and verifies access tokens (JWT, RFC 7519) with `@fastify/jwt` in a child of its own. */
const createTokens = async (fastify: FastifyInstance, options: ChatAuthOptions, clock: Clock): Promise<Tokens> => {
  const { secretKey, secretKeyPrevious = [], audience, accessTokenExpireMinutes } = options
  const ring = createSecretRing({ current: secretKey, previous: [...secretKeyPrevious] })
  const jwt = await loadJwt(fastify, secretKey)
  const lifetime = accessTokenExpireMinutes * 60
  // A signature stays good: only the time is asked again.
  const verified = new LRUCache<string, AccessClaims>({ max: MAX_VERIFIED })

  const verifyWith = (token: string, secret: string): AccessClaims =>
    readClaims(
      jwt.verify(token, {
        key: secret,
        algorithms: ['HS256'],
        allowedAud: audience,
        requiredClaims: ['sub', 'uid', 'jti', 'iat', 'exp', 'aud'],
        clockTimestamp: clock.now()
      })
    )

  return {
    issue({ id: uid, username: sub }) {
      const iat = Math.floor(clock.now() / 1000)
      const claims = { sub, uid, jti: randomUUID(), iat, exp: iat + lifetime, aud: audience }
      const access_token = jwt.sign(claims, { key: ring.current.secret, kid: ring.current.kid, algorithm: 'HS256' })
      return { access_token, token_type: 'bearer', expires_in: lifetime }
    },
    verify(token) {
      const known = verified.get(token)
      if (known && clock.now() < known.exp * 1000) return known
      try {
        const secrets = candidates(ring, kidOf(jwt, token))
        const claims = firstGood(secrets, secret => verifyWith(token, secret))
        verified.set(token, claims)
        return claims
      } catch (error) {
        // Whatever the library found wrong, and however it calls it, the answer is a 401.
        throw isExpiry(error) ? new ChatError('token_expired', 'The token has expired. Log in again.') : badToken()
      }
    }
  }
}

const loadJwt = async (fastify: FastifyInstance, secret: string): Promise<JWT> => {
  let jwt: JWT | undefined
  await fastify.register(async function chatJwt(child) {
    // Shadows a host's `jwt`, to which the namespace would otherwise be added.
    child.decorate('jwt', Object.create(null))
    await child.register(jwtPlugin, { namespace: NAMESPACE, secret, decoratorName: 'chatJwtUser' })
    jwt = (child.jwt as unknown as Record<string, JWT>)[NAMESPACE]
  })
  if (!jwt) throw new Error('@fastify/jwt did not register under its namespace')
  return jwt
}

const kidOf = (jwt: JWT, token: string): string | undefined => {
  const decoded = jwt.decode<{ header: { kid?: unknown } }>(token, { complete: true })
  const kid = decoded?.header.kid
  if (kid !== undefined && typeof kid !== 'string') throw badToken()
  return kid
}

/** The secrets to try: the one that `kid` names, or all for a token that names none. */
const candidates = (ring: ReturnType<typeof createSecretRing>, kid: string | undefined): string[] => {
  if (kid === undefined) return ring.all.map(({ secret }) => secret)
  const secret = ring.find(kid)
  return secret === undefined ? [] : [secret]
}

const firstGood = <T>(secrets: readonly string[], verify: (secret: string) => T): T => {
  let failure: unknown
  for (const secret of secrets) {
    try {
      return verify(secret)
    } catch (error) {
      // An expired token had the right secret; the next one's complaint would hide it.
      if (!isExpiry(failure)) failure = error
    }
  }
  throw failure ?? badToken()
}

const isExpiry = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'FAST_JWT_EXPIRED'

const badToken = (): ChatError => new ChatError('invalid_token', 'The token is not valid here. Log in again.')
