/** The whole page: who is logged in sees the chat, anyone else the form to log in. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Chat } from './chat.tsx'
import { listen } from './hooks.ts'
import { forgetAll, type Held, hold, type Keep, openKeep, putBack, SPACE } from './keep.ts'
import { Login } from './login.tsx'
import { readSession, type Session, saveSession } from './session.ts'

/** A session, and what the browser stores of its user. */
interface Current {
  readonly session: Session
  readonly keep: Keep
}

const open = (session: Session): Current => ({ session, keep: openKeep(session.username) })

export const App = () => {
  const [current, setCurrent] = useState(() => {
    const session = readSession()
    return session && open(session)
  })
  const held = useRef<Held>()

  const begin = (session: Session): void => {
    const { username } = session
    // The room that the former user was in stays in the address only for the same user.
    if (held.current && held.current.username.toLowerCase() !== username.toLowerCase()) leaveRoom()
    forgetAll(username)
    putBack(held.current, username)
    held.current = undefined
    saveSession(session)
    setCurrent(open(session))
  }
  const end = (): void => {
    current?.keep.close()
    setCurrent(undefined)
  }
  /** What isn't sent yet stays for the next login of the same user, in memory. */
  const expire = (username: string): void => {
    held.current = hold(username)
    end()
  }
  const logOut = (): void => {
    forgetAll()
    leaveRoom()
    end()
  }
  const tellTabs = useOtherTabs(current?.session, logOut)

  if (!current) {
    const notice = held.current && 'Your session has ended. Log in again to go on.'
    return <Login username={held.current?.username} notice={notice} onDone={begin} />
  }
  const { session, keep } = current
  const leave = (): void => {
    tellTabs(session.username)
    logOut()
  }
  return <Chat session={session} keep={keep} onExpire={() => expire(session.username)} onLogOut={leave} />
}

const leaveRoom = (): void => history.replaceState(null, '', location.pathname)

/**
 * Logs out when another tab of this browser logs the same user out, also if this page was in the back/forward cache
 * meanwhile. Returns a function that notifies the other tabs.
 */
const useOtherTabs = (session: Session | undefined, logOut: () => void): ((username: string) => void) => {
  const channel = useRef<BroadcastChannel>()
  const latest = useRef({ session, logOut })
  latest.current = { session, logOut }
  useEffect(() => {
    const tabs = new BroadcastChannel(SPACE)
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
