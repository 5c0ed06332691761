/** Renders the page: the chat if a user is logged in, the form of a mail link, or the login form. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Chat } from './chat.tsx'
import { listen } from './hooks.ts'
import { keepLink, keptLink } from './kept-link.ts'
import type { MailLink } from './mail-links.ts'
import { part } from './part.ts'
import {
  createMemorySession,
  createPageSession,
  finishLogOut,
  logOut,
  type PageSession,
  readUser,
  saveUser
} from './session.ts'
import {
  clearStorage,
  openUserStorage,
  restoreUserData,
  takeUserData,
  type UserData,
  type UserStorage
} from './user-storage.ts'

// Loaded later, because a user who is logged in needs no login form.
const Login = part(parts => parts.Login)
const MailLinkForm = part(parts => parts.MailLinkForm)

/** A user who is logged in, with the data that the browser stores for the user. */
interface Current {
  readonly username: string
  readonly storage: UserStorage
}

const open = (username: string): Current => ({ username, storage: openUserStorage(username) })

export const App = ({ link: given }: { readonly link: MailLink | undefined }) => {
  const [page, setPage] = useState(createPageSession)
  const [link, setLink] = useState(() => given ?? keptLink())
  const [current, setCurrent] = useState(() => {
    const user = readUser()
    return user && open(user.username)
  })
  const saved = useRef<UserData>()
  /** Ends the chat: sends the delayed deletions and closes the client. `Chat` sets the function. */
  const beforeEnd = useRef(() => {})
  const { session, memoryReason } = page

  const begin = (username: string, { memoryReason }: PageSession): void => {
    // Another user must not start in the previous user's room, whose name is still in the URL.
    if (saved.current && saved.current.username.toLowerCase() !== username.toLowerCase()) leaveRoom()
    clearStorage(username)
    restoreUserData(saved.current, username)
    saved.current = undefined
    if (memoryReason === undefined) saveUser({ username })
    // Keeps an invitation to a room, because the page shows it after the login.
    if (link?.purpose !== 'invite') setLink(undefined)
    setCurrent(open(username))
  }
  /** Ends the session in this tab. After an expiry, keeps the user's data in memory, in case the same user logs in next. */
  const end = (isExpired: boolean): void => {
    beforeEnd.current()
    saved.current = isExpired && current ? takeUserData(current.username) : undefined
    if (!isExpired) {
      clearStorage()
      leaveRoom()
    }
    current?.storage.close()
    setCurrent(undefined)
  }
  const latest = useRef({ current, end })
  latest.current = { current, end }

  useEffect(
    () =>
      session.on('state', state => {
        if (state.status !== 'ended' || !latest.current.current) return
        // The cookie now belongs to another login, so the page reloads to show that login's user.
        if (state.reason === 'replaced') return location.reload()
        latest.current.end(state.reason === 'refused')
      }),
    [session]
  )
  useEffect(() => {
    const finish = () => void finishLogOut(session)
    finish()
    const stops = [
      listen(window, 'online', finish),
      // If another tab has logged in or out in the meantime, reloads a page that the browser restores from the back/forward
      // cache.
      listen(window, 'pageshow', event => {
        const isRestored = (event as PageTransitionEvent).persisted
        if (isRestored && memoryReason === undefined && readUser()?.username !== latest.current.current?.username)
          location.reload()
      })
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }, [session])

  // Runs again after a login or a log-out, because both clear the storage that holds the link.
  useEffect(() => keepLink(link), [link, current])

  const invited = link?.purpose === 'invite' ? link.token : undefined
  if (link && link.purpose !== 'invitation' && link.purpose !== 'invite') {
    return <MailLinkForm link={link} session={session} onDone={() => setLink(undefined)} />
  }
  if (!current) {
    const notice = saved.current
      ? 'Your session has ended. Log in again to continue.'
      : invited && 'Log in or register to open your invitation to a room.'
    return (
      <Login
        page={page}
        username={saved.current?.username}
        invitation={invited === undefined ? link?.token : undefined}
        notice={notice}
        onMemory={() => {
          const memory = createMemorySession()
          setPage(memory)
          return memory
        }}
        onDone={begin}
      />
    )
  }
  const { username, storage } = current
  return (
    <Chat
      key={username}
      page={page}
      username={username}
      storage={storage}
      beforeEnd={beforeEnd}
      invitation={invited}
      onInvitationEnd={() => setLink(undefined)}
      onOtherUser={name => {
        saveUser({ username: name })
        setCurrent(open(name))
      }}
      onLogOut={() => void logOut(session)}
    />
  )
}

const leaveRoom = (): void => history.replaceState(null, '', location.pathname)
