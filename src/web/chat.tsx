/** Renders the chat of the user who is logged in: the list of rooms and the current room, on one connection. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import {
  type ChatClient,
  createChatClient,
  createInbox,
  type Message,
  type Session,
  type WebStorage
} from '../../client/src/index.ts'
import { createDeletions } from './actions/deletions.ts'
import { deleteAtOnce } from './actions/last-request.ts'
import { Banner } from './banner.tsx'
import { loadBlocked } from './blocked.ts'
import { listen, useEscape, useHash, useLoaded, useStore } from './hooks.ts'
import { loadParts, part } from './part.ts'
import { isUnread } from './room-entry.ts'
import { DEFAULT_ROOM } from './room-link.ts'
import { RoomView } from './room-view.tsx'
import { createRooms, type Rooms } from './rooms.ts'
import { type PageSession, readUser, saveUser, serviceUrl } from './session.ts'
import { Sidebar } from './sidebar.tsx'
import type { UserStorage } from './user-storage.ts'

interface ChatProps {
  readonly page: PageSession
  readonly username: string
  readonly storage: UserStorage
  /** `Chat` sets `current` to a function that the page calls when the session ends, before the page clears the storage. */
  readonly beforeEnd: { current: () => void }
  /** Called if the session does not belong to the expected user. `username` is the user of the session. */
  readonly onOtherUser: (username: string) => void
  /** The code of an invitation to a room, from the URL. */
  readonly invitation: string | undefined
  readonly onInvitationEnd: () => void
  readonly onLogOut: () => void
}

const Account = part(parts => parts.Account)
const RoomPanel = part(parts => parts.RoomPanel)
const SafetyDialog = part(parts => parts.SafetyDialog)
const Join = part(parts => parts.Join)
const Admin = part(parts => parts.Admin)

const NOBODY: ReadonlySet<number> = new Set()

/** Matches the characters that are removed from the tab's title, because they can reorder the text after them. */
const DIRECTION = /\p{Bidi_Control}/gu

/** Opens one connection, and closes it when the component is unmounted. */
const useChat = (session: Session, storage: UserStorage, beforeEnd: ChatProps['beforeEnd']) => {
  const { token } = session
  const chat = useMemo(() => {
    const client = createChatClient({ url: serviceUrl, token, storage: storage.tab, storageKey: '', backfill: 0 })
    const deletions = createDeletions(deletion => void deleteAtOnce(serviceUrl, session, deletion))
    return { client, rooms: createRooms(client, storage, createInbox(client)), deletions }
  }, [token])
  useEffect(() => {
    const { client, rooms, deletions } = chat
    beforeEnd.current = () => {
      deletions.flush()
      client.close()
    }
    const reconnect = () => {
      if (client.state.status === 'waiting') client.connect()
    }
    const stops = [
      listen(window, 'online', reconnect),
      listen(document, 'visibilitychange', () => {
        if (document.visibilityState === 'visible') reconnect()
        // A phone may end a hidden page without another event, so the deletions are sent now.
        else deletions.flush()
      }),
      listen(window, 'pagehide', deletions.flush)
    ]
    return () => {
      for (const stop of stops) stop()
      rooms.stop()
      beforeEnd.current()
      beforeEnd.current = () => {}
    }
  }, [chat])
  return chat
}

/** Checks that the session belongs to the expected user: another tab may have logged in as somebody else. */
const useUserCheck = (client: ChatClient, onOtherUser: (username: string) => void): void =>
  useEffect(
    () =>
      client.on('identity', ({ user_id: userId }) => {
        const known = readUser()
        if (known && known.userId === undefined) saveUser({ ...known, userId })
        else if (known && known.userId !== userId) void client.api.me().then(({ username }) => onOtherUser(username))
      }),
    [client]
  )

/** The storage key that is set while notifications are on. They are off by default. */
const NOTIFY_KEY = 'notify'

/** Returns whether notifications are on, and a function that turns them on and off. */
const useNotifier = (rooms: Rooms, storage: WebStorage): [isOn: boolean, set: (isOn: boolean) => void] => {
  const [isOn, setOn] = useState(() => storage.getItem(NOTIFY_KEY) !== null)
  useEffect(() => {
    if (!isOn) return
    // If parts.ts can't be loaded, no notifications are shown until the page is reloaded.
    const started = loadParts()
      .then(parts => parts.startNotifier(rooms))
      .catch(() => () => {})
    return () => void started.then(stop => stop())
  }, [rooms, isOn])
  return [
    isOn,
    isOn => {
      if (isOn) storage.setItem(NOTIFY_KEY, 'on')
      else storage.removeItem(NOTIFY_KEY)
      setOn(isOn)
    }
  ]
}

/** Returns the title of a room. After the room has been removed from the list, returns the last known title. */
const useRoomTitle = (name: string, title: string | undefined): string => {
  const last = useRef({ name, title })
  if (title !== undefined || last.current.name !== name) last.current = { name, title }
  return last.current.title ?? name
}

export const Chat = (props: ChatProps) => {
  const { page, username, storage, beforeEnd, invitation, onOtherUser, onInvitationEnd, onLogOut } = props
  const { session, memoryReason } = page
  const { client, rooms, deletions } = useChat(session, storage, beforeEnd)
  const [dialog, setDialog] = useState<'account' | 'admin' | 'room'>()
  const me = useLoaded(() => client.api.me())
  useUserCheck(client, onOtherUser)
  const state = useStore(
    changed => client.on('state', changed),
    () => client.state
  )
  const list = useStore(rooms.subscribe, () => rooms.list)
  const [isOpen, setOpen] = useState(false)
  const [blocked, setBlocked] = useState<ReadonlySet<number>>(NOBODY)
  const [subject, setSubject] = useState<{ readonly kind: 'report' | 'block'; readonly message: Message }>()
  useEffect(() => {
    // If the list can't be loaded, or the service has no blocks, the page shows all messages.
    loadBlocked(session).then(setBlocked, () => {})
  }, [session])
  const [isNotifying, onNotifying] = useNotifier(rooms, storage.browser)
  const safety = useMemo(
    () => ({
      blocked,
      report: (message: Message) => setSubject({ kind: 'report', message }),
      block: (message: Message) => setSubject({ kind: 'block', message })
    }),
    [blocked]
  )
  const name = useHash() || DEFAULT_ROOM
  const generation = useStore(rooms.subscribe, () => rooms.generation)
  const room = useMemo(() => rooms.open(name), [rooms, name, generation])
  const entry = list.find(one => one.name === name)
  const title = useRoomTitle(name, entry?.title)
  const isReady = useStore(rooms.subscribe, () => rooms.isReady)
  const unread = list.reduce((sum, { unread, isMarked }) => sum + Math.max(unread, isMarked ? 1 : 0), 0)

  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ''}${title.replace(DIRECTION, '')} · Chat`
  }, [unread, title])
  useEffect(() => setOpen(false), [name])
  // Closes the dialog of the room when another room is shown, and when the user may no longer read the room.
  useEffect(() => setDialog(shown => (shown === 'room' ? undefined : shown)), [name, entry === undefined])
  // Closes the drawer when the screen becomes wide. On a wide screen, the list of rooms is not a drawer, and an open drawer
  // would block the rest of the page. The width is the same as in styles/frame.css.
  useEffect(() => listen(matchMedia('(max-width: 760px)'), 'change', () => setOpen(false)), [])
  // Escape in a dialog closes only the dialog.
  useEscape(() => document.querySelector('dialog[open], :popover-open') ?? setOpen(false))

  const logOut = (): void => {
    deletions.flush()
    onLogOut()
  }

  return (
    <div class={isOpen ? 'shell open' : 'shell'}>
      <Sidebar
        api={client.api}
        identity={client.identity ?? { user_id: undefined, username }}
        rooms={rooms}
        list={list}
        current={name}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        isAdmin={me?.role === 'admin'}
        onAccount={() => setDialog('account')}
        onAdmin={() => setDialog('admin')}
        onLogOut={logOut}
      />
      <main class="main" inert={isOpen}>
        <Banner state={state} onConnect={client.connect} />
        <RoomView
          key={`${generation} ${name}`}
          room={room}
          title={title}
          entry={entry}
          isAdmin={me?.role === 'admin'}
          safety={safety}
          unread={isReady ? entry?.unread : undefined}
          areOthersUnread={list.some(one => one.name !== name && isUnread(one))}
          onSeen={seq => rooms.read(name, seq)}
          client={client}
          drafts={storage.tab}
          deletions={deletions}
          onMenu={() => setOpen(true)}
          onDetails={() => setDialog('room')}
        />
      </main>
      {dialog === 'account' && (
        <Account
          {...{ session, memoryReason, isNotifying, onNotifying }}
          onBlocked={setBlocked}
          onClose={() => setDialog(undefined)}
          onEnded={onLogOut}
        />
      )}
      {dialog === 'room' && entry && (
        <RoomPanel
          key={name}
          {...{ session, rooms, entry }}
          api={client.api}
          me={client.identity?.user_id}
          isAdmin={me?.role === 'admin'}
          onClose={() => setDialog(undefined)}
        />
      )}
      {subject && (
        <SafetyDialog
          {...{ session, blocked, ...subject }}
          onChange={setBlocked}
          onClose={() => setSubject(undefined)}
        />
      )}
      {invitation !== undefined && <Join session={session} code={invitation} onClose={onInvitationEnd} />}
      {dialog === 'admin' && me && <Admin session={session} userId={me.id} onClose={() => setDialog(undefined)} />}
    </div>
  )
}
