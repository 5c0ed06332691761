/**
 * Keeps the user logged in. With `--remember`, stores the session in a file, so that later runs of the program use it. Without
 * `--remember`, nothing is written to the disk, and the session ends with the program.
 */
import {
  ChatApiError,
  type ChatClient,
  type ChatClientOptions,
  createChatApi,
  createChatClient,
  createSession as createSdkSession,
  type TokenRequest
} from '../../client/src/index.ts'
import { type Apis, createApis } from './apis.ts'
import { type SessionFile, storageOf } from './session-file.ts'

export interface SessionOptions {
  readonly url: string
  readonly username?: string | undefined
  /** The password from the environment. Scripts log in with this password. */
  readonly password?: string | undefined
  readonly file: SessionFile
  /** Whether a new session is stored. If false, an existing stored session is still used, unless `password` is set. */
  readonly shouldRemember: boolean
}

export interface Session {
  readonly url: string
  /** The username of the last login. Before a login, the given username, or else the username of the stored session. */
  readonly username: string | undefined
  /** Whether the session can connect. True after a login, with a stored session, or with a username and a password. */
  readonly isReady: boolean
  /** Returns the access token. Passed to `createChatClient` as the option `token`. */
  readonly token: Extract<ChatClientOptions['token'], (...args: never) => unknown>
  /** Logs in. Rejects with a ChatApiError. If its code is `second_factor_required`, call `logInWithCode` with its challenge. */
  logIn(username: string, password: string): Promise<void>
  logInWithCode(challenge: string, code: string): Promise<void>
  /** Registers a user, then logs in. Rejects with a ChatApiError. */
  register(username: string, password: string): Promise<void>
  /** Creates a client. After a long absence, the client loads only the newest page, not all missed messages. */
  connect(): ChatClient
  /** Creates the functions for moderators, invitations, blocks and reports. */
  openApis(): Apis
  /** Ends a session that is not stored. Never rejects. */
  end(): Promise<void>
}

/** Maximum time in milliseconds for the log-out when the program ends. */
const LOG_OUT_MS = 2000

/** Creates a session from the given username and password, or from a stored session. */
export const createSession = ({ url, file, shouldRemember, ...given }: SessionOptions): Session => {
  const api = createChatApi({ url })
  const stored = file.find(url, given.username)
  const { password } = given
  let username = given.username ?? stored?.username
  /**
   * The user whose session is read from or written to the file. A login sets `owner` when it begins, and `username` when it
   * succeeds.
   */
  let owner = username
  const onDisk = createSdkSession({ url, storage: storageOf(file, url, () => owner), lock: file.lock })
  const inMemory = createSdkSession({ url, timing: { connect: LOG_OUT_MS * 5 } })
  const target = shouldRemember ? onDisk : inMemory
  // Without --remember, a given password takes precedence over a stored session.
  let active = stored && (password === undefined || shouldRemember) ? onDisk : undefined

  const begin = async (name: string | undefined, logIn: () => Promise<void>): Promise<void> => {
    owner = name
    await logIn()
    username = name
    active = target
  }
  const logIn = (name: string, secret: string): Promise<void> =>
    begin(name, () => target.logIn({ username: name, password: secret }))

  /**
   * Logs in with the password from the environment. Without `--remember`, requests only an access token, because a session
   * would outlive the script.
   */
  const tokenOfPassword = async (name: string, secret: string): Promise<string> => {
    if (!shouldRemember) return (await api.login(name, secret)).access_token
    await logIn(name, secret)
    return target.token()
  }

  const token = async (request: TokenRequest): Promise<string> => {
    const hasPassword = username !== undefined && password !== undefined
    try {
      if (active || !hasPassword) return await (active ?? target).token(request)
    } catch (error) {
      if (!hasPassword || !(error instanceof ChatApiError) || error.status !== 401) throw error
    }
    return tokenOfPassword(username ?? '', password ?? '')
  }

  let pendingLogIn: Promise<void> | undefined

  /**
   * Returns the access token for HTTP calls. A given password is used only for the first call, because the session then has a
   * token.
   */
  const tokenOfCalls = async (): Promise<string> => {
    if (!active && username !== undefined && password !== undefined) {
      // Concurrent calls must not start several sessions.
      pendingLogIn ??= logIn(username, password).finally(() => {
        pendingLogIn = undefined
      })
      await pendingLogIn
    }
    return (active ?? target).token()
  }

  return {
    url,
    get username() {
      return username
    },
    get isReady() {
      return active !== undefined || (username !== undefined && password !== undefined)
    },
    token,
    logIn,
    logInWithCode: (challenge, code) => begin(owner, () => target.logInWithCode({ challenge, code })),
    async register(name, secret) {
      await api.register(name, secret)
      await logIn(name, secret)
    },
    connect: () => createChatClient({ url, token, backfill: 0 }),
    openApis: () => createApis({ url, token: tokenOfCalls }),
    async end() {
      if (active !== inMemory || inMemory.state.status !== 'active') return
      const late = new Promise<void>(resolve => setTimeout(resolve, LOG_OUT_MS).unref())
      await Promise.race([inMemory.logOut().catch(() => {}), late])
    }
  }
}
