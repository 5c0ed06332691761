/** The chat of somebody who is logged in: their connection, the rooms at the side, one room in the middle. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { createChatClient } from '../client/index.ts'
import { Banner } from './banner.tsx'
import { listen, useEscape, useHash, useStore } from './hooks.ts'
import type { Keep } from './keep.ts'
import { RoomView } from './room-view.tsx'
import { createRooms } from './rooms.ts'
import { type Session, serviceUrl } from './session.ts'
import { Sidebar } from './sidebar.tsx'

interface ChatProps {
  readonly session: Session
  readonly keep: Keep
  readonly onExpire: () => void
  readonly onLogOut: () => void
}

const HOME = 'general'
/** Nothing in the tab's title keeps these from turning around what follows. */
const DIRECTION = /\p{Bidi_Control}/gu

/** One connection; it ends with the component. */
const useChat = ({ token }: Session, keep: Keep) => {
  const chat = useMemo(() => {
    const client = createChatClient({ url: serviceUrl, token, storage: keep.tab, storageKey: '', backfill: 0 })
    return { client, rooms: createRooms(client, keep.browser) }
  }, [token])
  useEffect(() => {
    const { client, rooms } = chat
    const hurry = () => {
      if (client.state.status === 'waiting') client.connect()
    }
    const stops = [
      listen(window, 'online', hurry),
      listen(document, 'visibilitychange', () => document.visibilityState === 'visible' && hurry())
    ]
    return () => {
      for (const stop of stops) stop()
      rooms.stop()
      client.close()
    }
  }, [chat])
  return chat
}

export const Chat = ({ session, keep, onExpire, onLogOut }: ChatProps) => {
  const { client, rooms } = useChat(session, keep)
  const state = useStore(
    changed => client.on('state', changed),
    () => client.state
  )
  const list = useStore(rooms.subscribe, () => rooms.list)
  const [isOpen, setOpen] = useState(false)
  const name = useHash() || HOME
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
        <RoomView key={name} room={room} title={title} client={client} drafts={keep.tab} onMenu={() => setOpen(true)} />
      </main>
    </div>
  )
}
