/** Loads jose, an optional peer dependency that is needed only if AUTH_ISSUER is set. */

/** A public key in the form that jose uses. */
export type ImportedKey = object

/** The claims of a token. The types of the claims are not checked. */
export type Payload = Readonly<Record<string, unknown>>

/**
 * The functions of jose that are used. The types of jose are not used, because jose is optional, and the type declarations of
 * this package must also compile without jose.
 */
export interface Jose {
  importJWK(jwk: object, algorithm: string): Promise<ImportedKey>
  decodeProtectedHeader(token: string): Payload
  /**
   * Verifies a token. Rejects with an error whose `code` is `ERR_JWT_EXPIRED` for an expired token. The signature of such a token
   * has been verified.
   */
  jwtVerify(
    token: string,
    key: ImportedKey,
    options: {
      readonly algorithms: string[]
      readonly issuer: string
      readonly audience: string
      readonly requiredClaims: string[]
      /** The accepted difference between clocks, in seconds. */
      readonly clockTolerance: number
      readonly currentDate: Date
    }
  ): Promise<{ readonly payload: Payload }>
}

/** Loads jose. Rejects if jose is not installed. */
export const loadJose = async (load: () => Promise<unknown> = () => import('jose')): Promise<Jose> => {
  try {
    return (await load()) as Jose
  } catch (cause) {
    throw new Error('AUTH_ISSUER is set, but jose is not installed. Run `npm install jose`.', { cause })
  }
}
