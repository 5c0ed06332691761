/** Finds the URL at which an issuer publishes its keys, and fetches the keys. */
import { mayLeadTo } from '../../lib/secure-url.ts'
import type { FetchJson } from './fetch-json.ts'

export interface KeySourceOptions {
  /** The `iss` claim of the issuer, which is a URL. */
  readonly issuer: string
  /** The URL of the keys. If absent, the URL comes from the issuer's discovery document. */
  readonly jwksUrl: string | undefined
  readonly fetchJson: FetchJson
}

/**
 * Returns a function that fetches the key set of an issuer. Reads the discovery document (OpenID Connect Discovery 1.0) each
 * time, because the URL of the keys may change.
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
