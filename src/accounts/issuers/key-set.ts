/** Reads the public keys of an issuer from its JSON Web Key Set (RFC 7517). */
import type { ImportedKey, Jose } from './jose.ts'

/** The algorithms of signatures that are accepted. They use key pairs, never a shared secret. */
export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** A public key. The key verifies only signatures of `algorithm`, whatever the header of a token contains. */
export interface IssuerKey {
  readonly kid: string | undefined
  readonly algorithm: Algorithm
  readonly key: ImportedKey
}

type Jwk = Readonly<Record<string, unknown>>

/** Maximum number of keys that are read. Providers publish two to five keys. */
const MAX_KEYS = 100

/** Returns the keys of a key set that can verify signatures of `ALGORITHMS`. Throws if the document is not a key set. */
export const readKeySet = async ({ importJWK }: Pick<Jose, 'importJWK'>, document: unknown): Promise<IssuerKey[]> => {
  const { keys } = Object(document) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('The document with the keys of the issuer has no list `keys`.')
  const read = keys.slice(0, MAX_KEYS).map(async (entry: unknown): Promise<IssuerKey[]> => {
    const jwk: Jwk = Object(entry)
    const algorithm = algorithmOf(jwk)
    if (!algorithm) return []
    try {
      const key = await importJWK(publicPart(jwk), algorithm)
      return [{ kid: typeof jwk.kid === 'string' ? jwk.kid : undefined, algorithm, key }]
    } catch {
      return []
    }
  })
  return (await Promise.all(read)).flat()
}

/** Returns the signature algorithm of a key. Returns undefined for a key with another purpose or algorithm. */
const algorithmOf = ({ kty, crv, alg, use, key_ops: operations }: Jwk): Algorithm | undefined => {
  if (use !== undefined && use !== 'sig') return undefined
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined
  const isAlgorithm = (...names: string[]): boolean => alg === undefined || names.some(name => name === alg)
  if (kty === 'RSA' && isAlgorithm('RS256')) return 'RS256'
  if (kty === 'EC' && crv === 'P-256' && isAlgorithm('ES256')) return 'ES256'
  // RFC 9864 adds `Ed25519` as the name of EdDSA with this curve.
  if (kty === 'OKP' && crv === 'Ed25519' && isAlgorithm('EdDSA', 'Ed25519')) return 'EdDSA'
  return undefined
}

/** Omits the private part of a key, in case the document contains it. */
const publicPart = ({ kty, crv, n, e, x, y }: Jwk): object => ({ kty, crv, n, e, x, y })
