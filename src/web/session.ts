/**
 * Holds the page's session. The refresh token is a cookie that no script can read, so the user stays logged in after a reload
 * and in all tabs. If the cookie can't be used, the tokens are kept in memory, and a reload ends the session.
 */
import { createSession, type Session } from '../../client/src/index.ts'
import { browserStorage, KEY_PREFIX } from './user-storage.ts'

/** The URL of the service, which is the URL of the page (`<prefix>/app`) without `app`. */
export const serviceUrl = new URL('.', location.href).href

const EFFECT = 'so a reload of the page ends the session.'
const NOT_SECURE = `This page was loaded without HTTPS, ${EFFECT}`
const OTHER_ORIGIN = `The service doesn’t know this address as its own (PUBLIC_URL), ${EFFECT}`

/** The session. If it is kept only in memory, `memoryReason` explains why. */
export interface PageSession {
  readonly session: Session
  readonly memoryReason: string | undefined
}

const create = (memoryReason: string | undefined): PageSession => {
  const isCookieMode = memoryReason === undefined
  return { session: createSession({ url: serviceUrl, isCookieMode, storageKey: `${KEY_PREFIX}session` }), memoryReason }
}

/** Creates the session. On a page without TLS, keeps the tokens in memory, except on `localhost`, which browsers trust. */
export const createPageSession = (): PageSession => create(isSecureContext ? undefined : NOT_SECURE)

/** Creates a session that keeps the tokens in memory. Used if the service refuses the cookie for the page's origin. */
export const createMemorySession = (): PageSession => create(OTHER_ORIGIN)

/** The user who last logged in with this browser. Contains no secret, because only the cookie authenticates the user. */
export interface KnownUser {
  readonly username: string
  readonly userId?: number
}

const USER = 'user'
const LEAVING = 'log-out'

export const readUser = (): KnownUser | undefined => {
  try {
    const kept: Partial<KnownUser> | null = JSON.parse(browserStorage.getItem(USER) ?? 'null')
    return typeof kept?.username === 'string' ? (kept as KnownUser) : undefined
  } catch {
    return undefined
  }
}

export const saveUser = (user: KnownUser): void => browserStorage.setItem(USER, JSON.stringify(user))

/**
 * Logs out. Stores a mark before the call and removes it when the service has confirmed the log-out. If the network fails or
 * the tab is closed during the call, the cookie may still be valid. `finishLogOut` then finds the mark and repeats the call.
 */
export const logOut = async (session: Session): Promise<void> => {
  // The page's own listener clears the storage. It was added earlier, so it runs before this one and doesn't remove the mark.
  const stop = session.on('state', () => browserStorage.setItem(LEAVING, 'yes'))
  try {
    await session.logOut()
    browserStorage.removeItem(LEAVING)
  } catch {
    // The mark stays, so that `finishLogOut` repeats the call.
  } finally {
    stop()
  }
}

/**
 * Repeats a log-out that the service has not confirmed. Call it before the session is used, and when the device is online again.
 */
export const finishLogOut = async (session: Session): Promise<void> => {
  if (browserStorage.getItem(LEAVING) !== null && session.state.status !== 'active') await logOut(session)
}
