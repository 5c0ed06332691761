/** Finds out where an issuer publishes its keys, and fetches them. */
import { mayLeadTo } from '../../lib/secure-url.ts'
import type { FetchJson } from './fetch-json.ts'

export interface KeySourceOptions {
  /** The `iss` of the issuer, which is a URL. */
  readonly issuer: string
  /** The URL of the keys. Without it, the issuer's discovery document names it. */
  readonly jwksUrl: string | undefined
  readonly fetchJson: FetchJson
}

/**
 * Returns a function that fetches the key set of an issuer. The discovery document (OpenID Connect Discovery 1.0) is read each
 * time, because the keys may move.
 */
export const createKeySource = ({ issuer, jwksUrl, fetchJson }: KeySourceOptions): (() => Promise<unknown>) => {
  const discover = async (): Promise<string> => {
    const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const { issuer: named, jwks_uri: url } = Object(document) as { issuer?: unknown; jwks_uri?: unknown }
    if (named !== issuer) {
      throw new Error('The discovery document names another issuer. Set AUTH_ISSUER to the `issuer` of the document.')
    }
    if (typeof url !== 'string' || !mayLeadTo(issuer, url)) {
      throw new Error('The discovery document has no `jwks_uri` that begins with https://. Set AUTH_JWKS_URL.')
    }
    return url
  }
  return async () => fetchJson(jwksUrl ?? (await discover()))
}
