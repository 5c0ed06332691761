/** Asks the browser for a passkey (WebAuthn), and converts between its binary values and the service's base64url. */
import { ChatApiError } from '../../client/src/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: the options are those of WebAuthn, with base64url in place of bytes.
type Options = Record<string, any>

/** Returns the response of an existing passkey, for a login or a proof. */
export const askPasskey = async (options: Options): Promise<object> => {
  const credential = await ask(() =>
    navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytesOf(options.challenge),
        allowCredentials: descriptorsOf(options.allowCredentials)
      } as Options as PublicKeyCredentialRequestOptions
    })
  )
  const response = credential.response as AuthenticatorAssertionResponse
  return {
    ...commonOf(credential),
    response: {
      clientDataJSON: textOf(response.clientDataJSON),
      authenticatorData: textOf(response.authenticatorData),
      signature: textOf(response.signature),
      ...(response.userHandle ? { userHandle: textOf(response.userHandle) } : {})
    }
  }
}

/** Creates a passkey and returns its response, for its registration. */
export const createPasskey = async (options: Options): Promise<object> => {
  const credential = await ask(() =>
    navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytesOf(options.challenge),
        user: { ...options.user, id: bytesOf(options.user.id) },
        excludeCredentials: descriptorsOf(options.excludeCredentials)
      } as Options as PublicKeyCredentialCreationOptions
    })
  )
  const response = credential.response as AuthenticatorAttestationResponse
  return {
    ...commonOf(credential),
    response: {
      clientDataJSON: textOf(response.clientDataJSON),
      attestationObject: textOf(response.attestationObject),
      transports: response.getTransports()
    }
  }
}

/** Rejects with a ChatApiError if the browser returns no passkey. The page shows the error's detail to the user. */
const ask = async (call: () => Promise<Credential | null>): Promise<PublicKeyCredential> => {
  try {
    const credential = await call()
    if (credential instanceof PublicKeyCredential) return credential
  } catch (cause) {
    const isKnown = (cause as DOMException).name === 'InvalidStateError'
    const detail = isKnown
      ? 'This device already has a passkey for your account.'
      : 'The browser returned no passkey. Try again, or use another way.'
    throw new ChatApiError({ status: 0, code: 'no_passkey', detail, cause })
  }
  throw new ChatApiError({ status: 0, code: 'no_passkey', detail: 'The browser returned no passkey.' })
}

const commonOf = (credential: PublicKeyCredential): object => ({
  id: credential.id,
  rawId: textOf(credential.rawId),
  type: credential.type,
  authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
  clientExtensionResults: credential.getClientExtensionResults()
})

const descriptorsOf = (given: Options[] = []): PublicKeyCredentialDescriptor[] =>
  given.map(one => ({ ...one, id: bytesOf(one.id) }) as Options as PublicKeyCredentialDescriptor)

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), character => character.charCodeAt(0))

const textOf = (buffer: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')
