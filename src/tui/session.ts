/**
 * Who the user is: the token in use, and how another is got. The password stays in memory while the program runs, because an
 * access token lives half an hour; without it (a remembered token) the user is asked when the token is over.
 */
import {
  type ChatClient,
  type ChatClientOptions,
  createChatApi,
  createChatClient,
  type TokenRequest
} from '../client/index.ts'
import type { Remembered } from './remembered.ts'

export interface SessionOptions {
  readonly url: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly remembered: Remembered
  /** Whether tokens are written to the file; one that is there already is read in any case. */
  readonly isRemembering: boolean
}

export interface Session {
  readonly url: string
  /** As it was given, remembered, or logged in with. */
  readonly username: string | undefined
  /** Whether there is something to connect with: a token, or a name and a password. */
  readonly isReady: boolean
  /** For `createChatClient`. */
  readonly token: Extract<ChatClientOptions['token'], (...args: never) => unknown>
  /** Rejects with a ChatApiError. */
  logIn(username: string, password: string): Promise<void>
  /** Registers, then logs in. */
  register(username: string, password: string): Promise<void>
  /** A client for people: after a long absence it has the newest page, not everything in between. */
  connect(): ChatClient
}

/** Begins with the given name and password, or with what is remembered. */
export const createSession = ({ url, remembered, isRemembering, ...given }: SessionOptions): Session => {
  const api = createChatApi({ url })
  const known = remembered.find(url, given.username)
  let { username = known?.username, password } = given
  // Who gives a password wants it to be used.
  let token = password === undefined ? known?.token : undefined

  const logIn = async (name: string, secret: string): Promise<void> => {
    const answer = await api.login(name, secret)
    token = answer.access_token
    username = name
    password = secret
    if (isRemembering) remembered.keep({ url, username, token })
  }

  const fresh = async ({ previous, isRefused }: TokenRequest): Promise<string> => {
    // A token that the connection doesn't know yet: remembered, or of a login that the user just made.
    if (token !== undefined && token !== previous) return token
    if (username !== undefined && password !== undefined) await logIn(username, password)
    else if (isRefused && username !== undefined) remembered.forget(url, username)
    // The same one again means: there is no other.
    return token ?? ''
  }

  return {
    url,
    get username() {
      return username
    },
    get isReady() {
      return username !== undefined && (token !== undefined || password !== undefined)
    },
    token: fresh,
    logIn,
    async register(name, secret) {
      await api.register(name, secret)
      await logIn(name, secret)
    },
    connect: () => createChatClient({ url, token: fresh, backfill: 0 })
  }
}
