/**
 * Stores the tab's access token in `sessionStorage`, so that the session ends when the tab is closed. Also exports the
 * service's URL.
 */
import { tabStorage } from './user-storage.ts'

/** A user and their access token. */
export interface Session {
  readonly username: string
  readonly token: string
}

const KEY = 'session'

/** The URL of the service, which is the URL of the page (`<prefix>/app`) without `app`. */
export const serviceUrl = new URL('.', location.href).href

export const readSession = (): Session | undefined => {
  try {
    const kept: Partial<Session> | null = JSON.parse(tabStorage.getItem(KEY) ?? 'null')
    if (typeof kept?.username !== 'string' || typeof kept.token !== 'string') return undefined
    return { username: kept.username, token: kept.token }
  } catch {
    return undefined
  }
}

export const saveSession = (session: Session): void => tabStorage.setItem(KEY, JSON.stringify(session))
