/**
 * Holds the user's access token and gets a new token when it expires. Keeps the password in memory while the program runs,
 * because an access token expires soon (by default after 30 minutes). Without a password, as with a stored token, the user has
 * to log in again when the token expires.
 */
import {
  type ChatClient,
  type ChatClientOptions,
  createChatApi,
  createChatClient,
  type TokenRequest
} from '../../client/src/index.ts'
import type { TokenStore } from './token-store.ts'

export interface SessionOptions {
  readonly url: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tokenStore: TokenStore
  /** Whether new tokens are stored. A stored token is used in any case. */
  readonly shouldRemember: boolean
}

export interface Session {
  readonly url: string
  /** The username that was given, the username of the stored token, or the username of the last login. */
  readonly username: string | undefined
  /** Whether the session can connect: it has a username, and a token or a password. */
  readonly isReady: boolean
  /** Returns the access token. Passed to `createChatClient` as the option `token`. */
  readonly token: Extract<ChatClientOptions['token'], (...args: never) => unknown>
  /** Logs in and keeps the token. Rejects with a ChatApiError. */
  logIn(username: string, password: string): Promise<void>
  /** Registers a user, then logs in. Rejects with a ChatApiError. */
  register(username: string, password: string): Promise<void>
  /** Creates a client. After a long absence, the client loads only the newest page, not all missed messages. */
  connect(): ChatClient
}

/** Creates a session from the given username and password, or from a stored token. */
export const createSession = ({ url, tokenStore, shouldRemember, ...given }: SessionOptions): Session => {
  const api = createChatApi({ url })
  const stored = tokenStore.find(url, given.username)
  let { username = stored?.username, password } = given
  // A given password takes precedence over a stored token.
  let token = password === undefined ? stored?.token : undefined

  const logIn = async (name: string, secret: string): Promise<void> => {
    const response = await api.login(name, secret)
    token = response.access_token
    username = name
    password = secret
    if (shouldRemember) tokenStore.save({ url, username, token })
  }

  const currentToken = async ({ previous, isRefused }: TokenRequest): Promise<string> => {
    // The client hasn't tried this token yet, because it is a stored token or was issued by a login in the meantime.
    if (token !== undefined && token !== previous) return token
    if (username !== undefined && password !== undefined) await logIn(username, password)
    else if (isRefused && username !== undefined) tokenStore.remove(url, username)
    // Without a password, this is the same token again. If the service has refused the token, the client goes offline.
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
    token: currentToken,
    logIn,
    async register(name, secret) {
      await api.register(name, secret)
      await logIn(name, secret)
    },
    connect: () => createChatClient({ url, token: currentToken, backfill: 0 })
  }
}
