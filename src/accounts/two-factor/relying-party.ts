/**
 * Loads the prerequisites of passkeys (WebAuthn): the package `@simplewebauthn/server`, which is an optional peer dependency,
 * and the host name for which passkeys are created.
 */
import { isIP } from 'node:net'

/** A browser's response to a request for a passkey, as JSON. The package validates its members. */
export interface PasskeyResponse {
  readonly id: string
  readonly rawId: string
  readonly type: string
  readonly response: Readonly<Record<string, unknown>>
  readonly clientExtensionResults?: unknown
}

/** A passkey in the form that the package verifies. */
export interface PasskeyKey {
  readonly id: string
  readonly publicKey: Uint8Array
  readonly counter: number
}

interface Expected {
  readonly response: PasskeyResponse
  readonly expectedChallenge: string
  readonly expectedOrigin: string
  readonly expectedRPID: string
  readonly requireUserVerification: boolean
}

/**
 * The functions of the package that are used. The types of the package are not used, because the package is optional, and the
 * type declarations of this service must also compile without it.
 */
export interface PasskeyLibrary {
  generateRegistrationOptions(options: object): Promise<object>
  verifyRegistrationResponse(expected: Expected): Promise<{
    readonly verified: boolean
    readonly registrationInfo?: { readonly credential: PasskeyKey; readonly credentialBackedUp: boolean }
  }>
  generateAuthenticationOptions(options: object): Promise<object>
  verifyAuthenticationResponse(expected: Expected & { readonly credential: PasskeyKey }): Promise<{
    readonly verified: boolean
    readonly authenticationInfo: { readonly newCounter: number; readonly credentialBackedUp: boolean }
  }>
}

/** The service as browsers identify it (WebAuthn's relying party). */
export interface RelyingParty {
  /** The host name. A passkey works only at the host name for which it was created. */
  readonly id: string
  readonly origin: string
  readonly library: PasskeyLibrary
}

/**
 * Returns the host name for passkeys. Returns undefined if passkeys do not work at the URL. Browsers create no passkeys for IP
 * addresses, and require TLS for every host name except `localhost` and its subdomains.
 */
export const passkeyHost = (publicUrl: string | undefined): string | undefined => {
  if (publicUrl === undefined) return undefined
  const { protocol, hostname } = new URL(publicUrl)
  if (isIP(hostname) !== 0 || hostname.startsWith('[')) return undefined
  return protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost') ? hostname : undefined
}

/** Returns the relying party, or undefined if passkeys do not work at `publicUrl`. Rejects if the package is not installed. */
export const loadRelyingParty = async (
  publicUrl: string | undefined,
  load: () => Promise<unknown> = () => import('@simplewebauthn/server')
): Promise<RelyingParty | undefined> => {
  const id = passkeyHost(publicUrl)
  if (id === undefined || publicUrl === undefined) return undefined
  return { id, origin: new URL(publicUrl).origin, library: await loadLibrary(load) }
}

const loadLibrary = async (load: () => Promise<unknown>): Promise<PasskeyLibrary> => {
  try {
    return (await load()) as PasskeyLibrary
  } catch (cause) {
    const advice = 'Run `npm install @simplewebauthn/server`, or set PASSKEYS to false.'
    throw new Error(`PUBLIC_URL turns passkeys on, but their package is not installed. ${advice}`, { cause })
  }
}
