/** The whole page: who is logged in sees the chat, anyone else the form to log in. */
import { useCallback, useState } from 'preact/hooks'
import { Chat } from './chat.tsx'
import { Login } from './login.tsx'
import { clearSession, readSession, type Session, saveSession } from './session.ts'

export const App = () => {
  const [session, setSession] = useState<Session | undefined>(readSession)
  const [last, setLast] = useState<{ username: string; notice: string }>()

  const begin = useCallback((next: Session) => {
    saveSession(next)
    setSession(next)
  }, [])

  // What wasn't sent yet stays for the next login of the same person, unless they log out.
  const expire = useCallback((username: string) => {
    saveSession(undefined)
    setLast({ username, notice: 'Your session has ended. Log in again to go on.' })
    setSession(undefined)
  }, [])

  const logOut = useCallback(() => {
    clearSession()
    setLast(undefined)
    setSession(undefined)
  }, [])

  if (!session) return <Login username={last?.username} notice={last?.notice} onDone={begin} />
  return <Chat session={session} onExpire={() => expire(session.username)} onLogOut={logOut} />
}
