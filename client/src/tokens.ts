/** Manages the access token: keeps the current token and its expiry, and calls the app's callback for a new token. */
import { ChatApiError } from './errors.ts'
import type { ChatClientOptions } from './types.ts'

export interface Tokens {
  readonly current: string | undefined
  /**
   * Returns the current token, or a new one if the current one is missing, refused or expired. Rejects with the error of the
   * callback, or with a ChatApiError (401) if the app returns the refused token again.
   */
  usable(): Promise<string>
  /** Gets a new token from the app. Returns undefined if the app returns the current token again. */
  renewed(): Promise<string | undefined>
  /** Marks the current token as refused by the service. */
  refuse(): void
  /** Sets the expiry of the current token, in milliseconds of the monotonic clock. */
  setExpiry(ms: number): void
}

/** Creates the manager. Concurrent requests share one call of the app's callback. */
export const createTokens = (given: ChatClientOptions['token'], monotonic: () => number): Tokens => {
  const getToken = typeof given === 'string' ? () => given : given
  let current: string | undefined
  let isRefused = false
  let endsAt = Number.POSITIVE_INFINITY
  let pendingRequest: Promise<string | undefined> | undefined

  const request = async (): Promise<string | undefined> => {
    const previous = current
    const token = await getToken({ previous, isRefused })
    if (token === previous) return undefined
    current = token
    isRefused = false
    endsAt = Number.POSITIVE_INFINITY
    return token
  }

  const renewed = (): Promise<string | undefined> => {
    pendingRequest ??= request().finally(() => {
      pendingRequest = undefined
    })
    return pendingRequest
  }

  return {
    get current() {
      return current
    },
    async usable() {
      if (current !== undefined && !isRefused && monotonic() < endsAt) return current
      const token = await renewed()
      // The app returned the same token again. The client's clock may be wrong, so that the token only seems to have expired.
      // The client therefore sends the token.
      if (token === undefined && !isRefused && current !== undefined) return current
      if (token === undefined) throw refusedTokenError()
      return token
    },
    renewed,
    refuse() {
      isRefused = true
    },
    setExpiry(ms) {
      endsAt = ms
    }
  }
}

/** Creates the error for a token that the service refused and the app can't replace. */
const refusedTokenError = (): ChatApiError =>
  new ChatApiError({ status: 401, code: 'invalid_token', detail: 'The access token was refused. Log in again.' })
