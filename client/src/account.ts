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
 * The functions of the account API. Those marked "proof" reject with `proof_required` (403) unless the user has logged in, or
 * called `prove`, within the last ten minutes. A function that the service doesn't offer rejects with `not_found` (404).
 */
export interface AccountApi {
  /** Returns what the service offers. Needs no token. */
  features(): Promise<AuthFeatures>
  me(): Promise<Account>
  /** Sets the display name; null removes it. */
  setDisplayName(name: string | null): Promise<Account>
  /** Confirms that the user is present. `code` is needed if the user has an authenticator app. */
  prove(password: string, code?: string): Promise<unknown>
  /** Proof. Ends all other sessions. */
  changePassword(password: string): Promise<void>
  /** Requests a mail with a link to set a new password. Resolves also if nobody has the address. */
  forgotPassword(email: string): Promise<void>
  /** Sets a new password with the token of the mail. Ends every session of the user. */
  resetPassword(token: string, password: string): Promise<void>
  /** Proof. Sets the address, which takes effect when it is verified. */
  setEmail(email: string): Promise<void>
  /** Proof. */
  removeEmail(): Promise<void>
  /** Verifies an address with the token of the mail. */
  verifyEmail(token: string): Promise<void>
  /** Requests another mail after a login was refused with `email_not_verified`, to another address if there is one. */
  requestVerification(challenge: string, email?: string): Promise<void>
  sessions(): Promise<{ readonly sessions: readonly SessionEntry[] }>
  /** Proof, except for the current session. */
  endSession(id: string): Promise<void>
  /** Proof. Ends every session, including the current one. */
  endAllSessions(): Promise<void>
  factors(): Promise<Factors>
  /** Proof. Starts to set up an authenticator app, which takes effect with `confirmTotp`. */
  startTotp(): Promise<TotpSecret>
  /** Proof. */
  confirmTotp(code: string): Promise<RecoveryCodes>
  /** Proof. */
  removeTotp(): Promise<void>
  /** Proof. Replaces all recovery codes. */
  createRecoveryCodes(): Promise<RecoveryCodes>
  /** Proof. */
  passkeyOptions(): Promise<PasskeyCeremony>
  /** Proof. The first second factor also returns recovery codes, which can't be read again. */
  addPasskey(passkey: {
    readonly challenge: string
    readonly name: string
    readonly response: object
  }): Promise<AddedPasskey>
  /** Proof. */
  removePasskey(id: string): Promise<void>
  /** Returns the options for a login: as a second factor with the `challenge` of the refused login, else without a password. */
  passkeyLoginOptions(challenge?: string): Promise<PasskeyCeremony>
  passkeyProofOptions(): Promise<PasskeyCeremony>
  proveWithPasskey(proof: { readonly challenge: string; readonly response: object }): Promise<unknown>
  /** Proof. Returns the user's data as lines of JSON. May take minutes, and is allowed once an hour. */
  exportData(): Promise<string>
  /** Proof. Deletes the account; with `shouldErase` also the texts of its messages, if the service allows it. */
  deleteAccount(shouldErase?: boolean): Promise<void>
}

const EXPORT_MS = 10 * 60_000

/** Creates the functions that call one service. `forgotPassword` and others that log a user in need no token. */
export const createAccountApi = (options: CallOptions): AccountApi => {
  const call = createCall(options)
  const post = <Body>(path: string, body: object = {}): Promise<Body> => call('POST', `/api/auth/${path}`, { body })
  const open = <Body>(path: string, body: object): Promise<Body> =>
    call('POST', `/api/auth/${path}`, { body, isPublic: true })
  return {
    features: () => call('GET', '/api/auth/features', { isPublic: true }),
    me: () => call('GET', '/api/users/me'),
    setDisplayName: name => call('PATCH', '/api/users/me', { body: { display_name: name } }),
    prove: (password, code) => post('proof', { password, ...(code === undefined ? {} : { code }) }),
    changePassword: password => call('POST', '/api/users/me/password', { body: { new: password } }),
    forgotPassword: email => open('password/forgot', { email }),
    resetPassword: (token, password) => open('password/reset', { token, password }),
    setEmail: email => call('PUT', '/api/users/me/email', { body: { email } }),
    removeEmail: () => call('DELETE', '/api/users/me/email'),
    verifyEmail: token => open('email/verify', { token }),
    requestVerification: (challenge, email) => open('email', { challenge, ...(email === undefined ? {} : { email }) }),
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
    passkeyLoginOptions: challenge => open('passkeys/login/options', challenge === undefined ? {} : { challenge }),
    passkeyProofOptions: () => post('passkeys/proof/options'),
    proveWithPasskey: proof => post('passkeys/proof', proof),
    exportData: () => call('GET', '/api/users/me/export', { isText: true, timeout: EXPORT_MS }),
    deleteAccount: shouldErase =>
      call('DELETE', '/api/users/me', { body: shouldErase === undefined ? {} : { erase: shouldErase } })
  }
}
