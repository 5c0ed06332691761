/** Renders the chat of the user who is logged in: the list of rooms and the current room, on one connection. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { createChatClient } from '../../client/src/index.ts'
import { Banner } from './banner.tsx'
import { listen, useEscape, useHash, useStore } from './hooks.ts'
import { RoomView } from './room-view.tsx'
import { createRooms } from './rooms.ts'
import { type Session, serviceUrl } from './session.ts'
import { Sidebar } from './sidebar.tsx'
import type { UserStorage } from './user-storage.ts'

interface ChatProps {
  readonly session: Session
  readonly storage: UserStorage
  readonly onExpire: () => void
  readonly onLogOut: () => void
}

const DEFAULT_ROOM = 'general'
/** Matches the characters that are removed from the tab's title, because they can reorder the text after them. */
const DIRECTION = /\p{Bidi_Control}/gu

/** Opens one connection, and closes it when the component is unmounted. */
const useChat = ({ token }: Session, storage: UserStorage) => {
  const chat = useMemo(() => {
    const client = createChatClient({ url: serviceUrl, token, storage: storage.tab, storageKey: '', backfill: 0 })
    return { client, rooms: createRooms(client, storage.browser) }
  }, [token])
  useEffect(() => {
    const { client, rooms } = chat
    const reconnect = () => {
      if (client.state.status === 'waiting') client.connect()
    }
    const stops = [
      listen(window, 'online', reconnect),
      listen(document, 'visibilitychange', () => document.visibilityState === 'visible' && reconnect())
    ]
    return () => {
      for (const stop of stops) stop()
      rooms.stop()
      client.close()
    }
  }, [chat])
  return chat
}

export const Chat = ({ session, storage, onExpire, onLogOut }: ChatProps) => {
  const { client, rooms } = useChat(session, storage)
  const state = useStore(
    changed => client.on('state', changed),
    () => client.state
  )
  const list = useStore(rooms.subscribe, () => rooms.list)
  const [isOpen, setOpen] = useState(false)
  const name = useHash() || DEFAULT_ROOM
  const room = useMemo(() => rooms.open(name), [rooms, name])
  const title = list.find(entry => entry.name === name)?.title ?? name
  const unread = list.reduce((sum, entry) => sum + entry.unread, 0)

  useEffect(() => {
    if (state.status === 'offline' && state.reason === 'unauthorized') onExpire()
  }, [state])
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ''}${title.replace(DIRECTION, '')} · Chat`
  }, [unread, title])
  useEffect(() => setOpen(false), [name])
  useEscape(() => setOpen(false))

  return (
    <div class={isOpen ? 'shell open' : 'shell'}>
      <Sidebar
        identity={client.identity ?? { user_id: undefined, username: session.username }}
        rooms={rooms}
        list={list}
        current={name}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        onLogOut={onLogOut}
      />
      <main class="main" inert={isOpen}>
        <Banner state={state} onConnect={client.connect} />
        <RoomView
          key={name}
          room={room}
          title={title}
          client={client}
          drafts={storage.tab}
          onMenu={() => setOpen(true)}
        />
      </main>
    </div>
  )
}
