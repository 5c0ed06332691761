/** Asks the browser for a passkey (WebAuthn). The browser itself converts between binary values and the JSON of the service. */
import { ChatApiError } from '../../client/src/index.ts'

/** Returns whether the browser supports passkeys and their conversion from and to JSON (WebAuthn Level 3). */
export const hasPasskeys = (): boolean =>
  'PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential

/** Returns the response of an existing passkey, for a login or to confirm the user's identity again. */
export const askPasskey = (options: object): Promise<object> =>
  ask(() =>
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options as PublicKeyCredentialRequestOptionsJSON)
    })
  )

/** Creates a passkey. Returns the response of the browser, with which the account API adds the passkey. */
export const createPasskey = (options: object): Promise<object> =>
  ask(() =>
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options as PublicKeyCredentialCreationOptionsJSON)
    })
  )

/**
 * Runs a request for a passkey. Rejects with a ChatApiError if the browser returns no passkey. The page shows the error's detail
 * to the user.
 */
const ask = async (call: () => Promise<Credential | null>): Promise<object> => {
  let detail = 'The browser returned no passkey. Try again, or use another way.'
  try {
    const credential = await call()
    if (credential instanceof PublicKeyCredential) return credential.toJSON()
  } catch (error) {
    if ((error as DOMException).name === 'InvalidStateError')
      detail = 'This device already has a passkey for your account.'
  }
  throw new ChatApiError({ status: 0, code: 'no_passkey', detail })
}
