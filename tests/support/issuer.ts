/**
 * Runs an issuer of access tokens in this process: its discovery document, its keys and its tokens. A test can change the keys.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as jose from 'jose'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'
import { fetchJson } from '../../src/accounts/issuers/fetch-json.ts'
import { createIssuerTokens } from '../../src/accounts/issuers/issuer-tokens.ts'
import { readKeySet } from '../../src/accounts/issuers/key-set.ts'
import { createKeySource } from '../../src/accounts/issuers/key-source.ts'
import { createIssuerKeys } from '../../src/accounts/issuers/keys.ts'
import type { Settings } from '../../src/config/settings.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import { silentLog } from './memory-chat.ts'

export const AUDIENCE = 'chat-api'

export interface SigningKey {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export interface TokenOptions {
  /** Claims that replace claims of a valid token, or that are added to the token. A claim that is undefined is omitted. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: SigningKey
}

export interface TestIssuer {
  readonly url: string
  /** The settings of a service that accepts the issuer's tokens. */
  readonly settings: Partial<Settings>
  /** The keys that the issuer publishes. The first one signs tokens. */
  keys: SigningKey[]
  /** How many times the keys were requested. */
  readonly fetches: () => number
  /** Replaces the responses of the issuer. */
  respond: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  token(subject: string, options?: TokenOptions): Promise<string>
}

export const createKey = async (algorithm = 'ES256', kid = crypto.randomUUID()): Promise<SigningKey> => {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return { kid, algorithm, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } }
}

/** Starts an issuer on a free port. It stops when the test ends. `now` returns the time for the claims of the tokens. */
export const startIssuer = async (now: () => number = Date.now): Promise<TestIssuer> => {
  let fetches = 0
  const server = createServer((request, response) => {
    const isForKeys = request.url === '/keys'
    if (isForKeys) fetches++
    if (issuer.respond) return issuer.respond(request, response)
    const found = request.url === '/.well-known/openid-configuration' || isForKeys
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
    const keys = { keys: issuer.keys.map(({ jwk }) => jwk) }
    response.end(JSON.stringify(isForKeys ? keys : { issuer: url, jwks_uri: `${url}/keys` }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer: TestIssuer = {
    url,
    settings: { authIssuer: url, authAudience: AUDIENCE },
    keys: [await createKey()],
    fetches: () => fetches,
    respond: undefined,
    token(subject, { claims, header, key = issuer.keys[0] as SigningKey } = {}) {
      const seconds = Math.floor(now() / 1000)
      const payload = { iss: url, aud: AUDIENCE, sub: subject, iat: seconds, exp: seconds + 300, ...claims }
      return new SignJWT(JSON.parse(JSON.stringify(payload)))
        .setProtectedHeader({ alg: key.algorithm, kid: key.kid, typ: 'at+jwt', ...header })
        .sign(key.privateKey)
    }
  }
  return issuer
}

/** Creates a verifier of the issuer's tokens, without a service. `warnings` contains the warnings that the verifier logs. */
export const verifierOf = (issuer: TestIssuer, clock: Clock, { jwksUrl }: { readonly jwksUrl?: string } = {}) => {
  const warnings: string[] = []
  const log = { ...silentLog, warn: (_: unknown, message?: string) => void warnings.push(message ?? '') }
  const fetchKeys = createKeySource({ issuer: issuer.url, jwksUrl, fetchJson })
  const keys = createIssuerKeys({ load: async () => readKeySet(jose, await fetchKeys()), clock, log })
  const tokens = createIssuerTokens({
    jose,
    keys,
    clock,
    issuer: issuer.url,
    audience: AUDIENCE,
    nameClaim: 'preferred_username'
  })
  /** Returns the subject of a token, or the code of the error. */
  const outcome = async (token: string): Promise<string> => {
    try {
      return (await tokens.verify(token)).subject
    } catch (error) {
      if (error instanceof ChatError) return error.code
      throw error
    }
  }
  return { tokens, outcome, warnings }
}
