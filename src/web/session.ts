/** Who is logged in on this tab: an access token in `sessionStorage`, gone with the tab. And where the service is. */

/** A person and their access token. */
export interface Session {
  readonly username: string
  readonly token: string
}

const KEY = 'fastify-chat:session'

/** The service's address: the page lies at `<prefix>/app`. */
export const serviceUrl = new URL('.', location.href).href

export const readSession = (): Session | undefined => {
  try {
    const kept: Partial<Session> | null = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    if (typeof kept?.username !== 'string' || typeof kept.token !== 'string') return undefined
    return { username: kept.username, token: kept.token }
  } catch {
    return undefined
  }
}

/** Keeps it, or forgets it and nothing else. */
export const saveSession = (session: Session | undefined): void => {
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session))
  else sessionStorage.removeItem(KEY)
}

/** Forgets everything that this tab has kept, unsent messages too. */
export const clearSession = (): void => sessionStorage.clear()
