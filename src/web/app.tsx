/** Renders the page: the chat if a user is logged in, otherwise the login form. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Chat } from './chat.tsx'
import { listen } from './hooks.ts'
import { Login } from './login.tsx'
import { readSession, type Session, saveSession } from './session.ts'
import {
  clearStorage,
  KEY_PREFIX,
  openUserStorage,
  restoreUserData,
  takeUserData,
  type UserData,
  type UserStorage
} from './user-storage.ts'

/** A session, with the data that the browser stores for its user. */
interface Current {
  readonly session: Session
  readonly storage: UserStorage
}

const open = (session: Session): Current => ({ session, storage: openUserStorage(session.username) })

export const App = () => {
  const [current, setCurrent] = useState(() => {
    const session = readSession()
    return session && open(session)
  })
  const saved = useRef<UserData>()

  const begin = (session: Session): void => {
    const { username } = session
    // Another user must not start in the previous user's room, whose name is still in the URL.
    if (saved.current && saved.current.username.toLowerCase() !== username.toLowerCase()) leaveRoom()
    clearStorage(username)
    restoreUserData(saved.current, username)
    saved.current = undefined
    saveSession(session)
    setCurrent(open(session))
  }
  const end = (): void => {
    current?.storage.close()
    setCurrent(undefined)
  }
  /** Ends an expired session. Keeps the user's data in memory, in case the same user logs in next. */
  const expire = (username: string): void => {
    saved.current = takeUserData(username)
    end()
  }
  const logOut = (): void => {
    clearStorage()
    leaveRoom()
    end()
  }
  const notifyTabs = useOtherTabs(current?.session, logOut)

  if (!current) {
    const notice = saved.current && 'Your session has ended. Log in again to continue.'
    return <Login username={saved.current?.username} notice={notice} onDone={begin} />
  }
  const { session, storage } = current
  const leave = (): void => {
    notifyTabs(session.username)
    logOut()
  }
  return <Chat session={session} storage={storage} onExpire={() => expire(session.username)} onLogOut={leave} />
}

const leaveRoom = (): void => history.replaceState(null, '', location.pathname)

/**
 * Logs out when another tab of this browser logs the same user out. Reloads a page that is restored from the back/forward
 * cache if this tab's session has changed in the meantime. Returns a function that notifies the other tabs.
 */
const useOtherTabs = (session: Session | undefined, logOut: () => void): ((username: string) => void) => {
  const channel = useRef<BroadcastChannel>()
  const latest = useRef({ session, logOut })
  latest.current = { session, logOut }
  useEffect(() => {
    const tabs = new BroadcastChannel(KEY_PREFIX)
    channel.current = tabs
    const stops = [
      listen(tabs, 'message', event => {
        const { session: mine, logOut: leave } = latest.current
        if ((event as MessageEvent).data === mine?.username.toLowerCase()) leave()
      }),
      listen(window, 'pageshow', event => {
        const isRestored = (event as PageTransitionEvent).persisted
        if (isRestored && readSession()?.token !== latest.current.session?.token) location.reload()
      }),
      () => tabs.close()
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }, [])
  return username => channel.current?.postMessage(username.toLowerCase())
}
