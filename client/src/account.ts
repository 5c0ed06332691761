/** Provides typed functions for the user's own account: profile, password, e-mail, sessions, second factors, export, deletion. */
import type {
  Account,
  AddedPasskey,
  AuthFeatures,
  Factors,
  PasskeyCeremony,
  RecoveryCodes,
  SessionEntry,
  TotpSecret
} from './account-types.ts'
import { type CallOptions, createCall } from './call.ts'

/**
 * The functions of the account API. A login, `prove` or `proveWithPasskey` is a proof, which is valid for ten minutes in its
 * session. A function that requires a proof rejects with `proof_required` (403) if there is no valid proof. A function that the
 * service doesn't offer rejects with `not_found` (404).
 */
export interface AccountApi {
  /** Returns the features that the service offers. Needs no token. */
  features(): Promise<AuthFeatures>
  me(): Promise<Account>
  /** Sets the display name; null removes it. */
  setDisplayName(name: string | null): Promise<Account>
  /**
   * Confirms the user's identity again, for functions that require a proof. A user with a second factor also needs `code`: the
   * code of the authenticator app, or a recovery code.
   */
  prove(password: string, code?: string): Promise<unknown>
  /** Changes the password, and ends all other sessions. Requires a proof. */
  changePassword(password: string): Promise<void>
  /** Requests a mail with a link to set a new password. Resolves even if nobody has the address. */
  forgotPassword(email: string): Promise<void>
  /** Sets a new password with the token of the mail. Ends every session of the user. */
  resetPassword(token: string, password: string): Promise<void>
  /** Sets the e-mail address. The address takes effect when it is verified. Requires a proof. */
  setEmail(email: string): Promise<void>
  /** Removes the e-mail address. Requires a proof. */
  removeEmail(): Promise<void>
  /** Verifies an address with the token of the mail. */
  verifyEmail(token: string): Promise<void>
  /**
   * Requests another mail after a login was refused with `email_not_verified`. With `email`, replaces the address to verify.
   */
  requestVerification(challenge: string, email?: string): Promise<void>
  sessions(): Promise<{ readonly sessions: readonly SessionEntry[] }>
  /** Ends a session. Requires a proof, except for the current session. */
  endSession(id: string): Promise<void>
  /** Ends every session, including the current one. Requires a proof. */
  endAllSessions(): Promise<void>
  factors(): Promise<Factors>
  /** Starts the setup of an authenticator app. `confirmTotp` completes the setup. Requires a proof. */
  startTotp(): Promise<TotpSecret>
  /** Completes the setup of an authenticator app. Requires a proof. */
  confirmTotp(code: string): Promise<RecoveryCodes>
  /** Removes the authenticator app. Requires a proof. */
  removeTotp(): Promise<void>
  /** Replaces all recovery codes. Requires a proof. */
  createRecoveryCodes(): Promise<RecoveryCodes>
  /** Returns the options for a new passkey. Requires a proof. */
  passkeyOptions(): Promise<PasskeyCeremony>
  /**
   * Adds a passkey. If it is the user's first second factor, also returns recovery codes. They can't be read again. Requires a
   * proof.
   */
  addPasskey(passkey: {
    readonly challenge: string
    readonly name: string
    readonly response: object
  }): Promise<AddedPasskey>
  /** Removes a passkey. Requires a proof. */
  removePasskey(id: string): Promise<void>
  /**
   * Returns the options for a login with a passkey. If `challenge` is given (from the error `second_factor_required`), the
   * passkey is the second factor. Without `challenge`, the passkey replaces the password.
   */
  passkeyLoginOptions(challenge?: string): Promise<PasskeyCeremony>
  passkeyProofOptions(): Promise<PasskeyCeremony>
  proveWithPasskey(proof: { readonly challenge: string; readonly response: object }): Promise<unknown>
  /** Returns the user's data as lines of JSON. May take minutes, and is allowed once an hour. Requires a proof. */
  exportData(): Promise<string>
  /** Deletes the account. With `shouldErase`, also erases the user's messages. Requires a proof. */
  deleteAccount(shouldErase?: boolean): Promise<void>
}

const EXPORT_MS = 10 * 60_000

/**
 * Creates the functions that call one service. Functions for users who are not logged in, such as `forgotPassword`, need no
 * token.
 */
export const createAccountApi = (options: CallOptions): AccountApi => {
  const call = createCall(options)
  // A body may contain undefined fields, because the JSON encoding omits them.
  const post = <Body>(path: string, body: object = {}): Promise<Body> => call('POST', `/api/auth/${path}`, { body })
  const open = <Body>(path: string, body: object): Promise<Body> =>
    call('POST', `/api/auth/${path}`, { body, isPublic: true })
  return {
    features: () => call('GET', '/api/auth/features', { isPublic: true }),
    me: () => call('GET', '/api/users/me'),
    setDisplayName: name => call('PATCH', '/api/users/me', { body: { display_name: name } }),
    prove: (password, code) => post('proof', { password, code }),
    changePassword: password => call('POST', '/api/users/me/password', { body: { new: password } }),
    forgotPassword: email => open('password/forgot', { email }),
    resetPassword: (token, password) => open('password/reset', { token, password }),
    setEmail: email => call('PUT', '/api/users/me/email', { body: { email } }),
    removeEmail: () => call('DELETE', '/api/users/me/email'),
    verifyEmail: token => open('email/verify', { token }),
    requestVerification: (challenge, email) => open('email', { challenge, email }),
    sessions: () => call('GET', '/api/auth/sessions'),
    endSession: id => call('DELETE', `/api/auth/sessions/${encodeURIComponent(id)}`),
    endAllSessions: () => post('logout-all'),
    factors: () => call('GET', '/api/auth/factors'),
    startTotp: () => post('totp'),
    confirmTotp: code => post('totp/confirm', { code }),
    removeTotp: () => call('DELETE', '/api/auth/totp'),
    createRecoveryCodes: () => post('recovery-codes'),
    passkeyOptions: () => post('passkeys/options'),
    addPasskey: passkey => post('passkeys', passkey),
    removePasskey: id => call('DELETE', `/api/auth/passkeys/${encodeURIComponent(id)}`),
    passkeyLoginOptions: challenge => open('passkeys/login/options', { challenge }),
    passkeyProofOptions: () => post('passkeys/proof/options'),
    proveWithPasskey: proof => post('passkeys/proof', proof),
    exportData: () => call('GET', '/api/users/me/export', { isText: true, timeout: EXPORT_MS }),
    deleteAccount: erase => call('DELETE', '/api/users/me', { body: { erase } })
  }
}
