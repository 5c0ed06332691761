/** Renders one room: header, messages, people and composer. */
import { useRef, useState } from 'preact/hooks'
import type { ChatClient, Room, WebStorage } from '../../client/src/index.ts'
import { Announcer } from './announcer.tsx'
import { Composer } from './composer.tsx'
import { useEscape, useStore } from './hooks.ts'
import { Menu, People } from './icons.tsx'
import { MessageList } from './message-list.tsx'
import { PeopleList, Typing } from './people.tsx'

interface RoomViewProps {
  readonly room: Room
  readonly title: string
  readonly client: ChatClient
  readonly drafts: WebStorage
  /** Called to open the drawer with the rooms. */
  readonly onMenu: () => void
}

/** The parent sets `key` to the room's name, so that each room mounts a new component without the state of another room. */
export const RoomView = ({ room, title, client, drafts, onMenu }: RoomViewProps) => {
  const state = useStore(
    changed => room.on('change', changed),
    () => room.state
  )
  const [arePeopleShown, showPeople] = useState(false)
  const onSend = useRef(() => {})
  const { presence } = state
  useEscape(() => showPeople(false))

  return (
    <div class={arePeopleShown ? 'room with-people' : 'room'}>
      <header class="head">
        <button type="button" class="icon-button drawer-only" onClick={onMenu} aria-label="Rooms">
          <Menu />
        </button>
        <h1 dir="auto">
          <span aria-hidden="true">#</span> {title}
        </h1>
        {presence && (
          <button
            type="button"
            class="pill"
            aria-expanded={arePeopleShown}
            aria-controls="people"
            onClick={() => showPeople(!arePeopleShown)}
          >
            <People />
            {presence.count}
            <span class="hidden"> people here</span>
          </button>
        )}
      </header>
      {state.status === 'refused' ? (
        <div class="refused" role="alert">
          <p dir="auto">{state.error?.detail}</p>
          <a href="#general">Go to #general</a>
        </div>
      ) : (
        <>
          <MessageList room={room} state={state} title={title} identity={client.identity} onSend={onSend} />
          <div class="foot">
            <Typing typing={state.typing} />
            <Composer
              room={room}
              title={title}
              drafts={drafts}
              limit={client.identity?.limits?.max_message_length ?? 0}
              onSend={() => onSend.current()}
            />
          </div>
        </>
      )}
      {presence && <PeopleList presence={presence} me={client.identity?.user_id} />}
      <Announcer room={room} me={client.identity?.user_id} />
    </div>
  )
}
