/** Runs an issuer of access tokens in this process: its discovery document, its keys, which a test changes, and its tokens. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'
import type { Settings } from '../../src/config/settings.ts'

export const AUDIENCE = 'chat-api'

export interface SigningKey {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

/** What a token contains in addition to the claims of a valid one. A claim that is undefined is left out. */
export interface TokenOptions {
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
  /** Replaces the responses. */
  respond: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  token(subject: string, options?: TokenOptions): Promise<string>
}

export const createKey = async (algorithm = 'ES256', kid = crypto.randomUUID()): Promise<SigningKey> => {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return { kid, algorithm, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } }
}

/** Starts an issuer on a free port. It stops when the test ends. `now` is the clock of its tokens. */
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
