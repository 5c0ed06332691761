/** The access token: the one in use, how long it is good for, and the app's callback that gives another. */
import { ChatApiError } from './errors.ts'
import type { ChatClientOptions } from './types.ts'

export interface Tokens {
  readonly current: string | undefined
  /** The token in use, unless it is missing, refused or over; then another. Rejects with what the callback throws. */
  usable(): Promise<string>
  /** Asks for another; answers undefined when the app has none but the one that it gave before. */
  renewed(): Promise<string | undefined>
  /** The service didn't accept the token. */
  refuse(): void
  /** It is good until then, in monotonic time. */
  goodUntil(ms: number): void
}

/** Makes it; callers that ask at the same time share one call of the app's callback. */
export const createTokens = (given: ChatClientOptions['token'], monotonic: () => number): Tokens => {
  const ask = typeof given === 'string' ? () => given : given
  let current: string | undefined
  let isRefused = false
  let endsAt = Number.POSITIVE_INFINITY
  let asking: Promise<string | undefined> | undefined

  const request = async (): Promise<string | undefined> => {
    const previous = current
    const token = await ask({ previous, isRefused })
    if (token === previous) return undefined
    current = token
    isRefused = false
    endsAt = Number.POSITIVE_INFINITY
    return token
  }

  const renewed = (): Promise<string | undefined> => {
    asking ??= request().finally(() => {
      asking = undefined
    })
    return asking
  }

  return {
    get current() {
      return current
    },
    async usable() {
      if (current !== undefined && !isRefused && monotonic() < endsAt) return current
      const token = await renewed()
      // Told again to take a token that is only over by our clock: the service knows better.
      if (token === undefined && !isRefused && current !== undefined) return current
      if (token === undefined) throw noOther()
      return token
    },
    renewed,
    refuse() {
      isRefused = true
    },
    goodUntil(ms) {
      endsAt = ms
    }
  }
}

/** The service refused the token, and the app has no other. */
const noOther = (): ChatApiError =>
  new ChatApiError({ status: 401, code: 'invalid_token', detail: 'The access token was refused. Log in again.' })
