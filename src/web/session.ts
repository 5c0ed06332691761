/** Who is logged in on this tab: an access token in `sessionStorage`, gone with the tab. And where the service is. */
import { tabStorage } from './keep.ts'

/** A person and their access token. */
export interface Session {
  readonly username: string
  readonly token: string
}

const KEY = 'session'

/** The service's address: the page lies at `<prefix>/app`. */
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
