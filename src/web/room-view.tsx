/** Renders one room: header, messages, people and composer. */
import { useRef, useState } from 'preact/hooks'
import type { ChatClient, Room, WebStorage } from '../../client/src/index.ts'
import type { Deletions } from './actions/deletions.ts'
import { Announcer } from './announcer.tsx'
import { Composer } from './composer.tsx'
import { useEscape, useStore } from './hooks.ts'
import { Menu, People } from './icons.tsx'
import { peopleOf } from './mentions.ts'
import { MessageList } from './message-list.tsx'
import { PeopleList, Typing } from './people.tsx'
import { useActions } from './use-actions.ts'

interface RoomViewProps {
  readonly room: Room
  readonly title: string
  readonly client: ChatClient
  readonly drafts: WebStorage
  readonly deletions: Deletions
  /** Called to open the drawer with the rooms. */
  readonly onMenu: () => void
}

/** The parent sets `key` to the room's name, so that each room mounts a new component without the state of another room. */
export const RoomView = ({ room, title, client, drafts, deletions, onMenu }: RoomViewProps) => {
  const state = useStore(
    changed => room.on('change', changed),
    () => room.state
  )
  const [arePeopleShown, showPeople] = useState(false)
  const onSend = useRef(() => {})
  const jump = useRef((_seq: number) => {})
  const { actions, subject, notice, deleting, endSubject, editLast } = useActions(client, room, state, deletions, jump)
  const { presence } = state
  const me = client.identity?.user_id
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
          <MessageList {...{ room, state, title, actions, deleting, jump, onSend }} identity={client.identity} />
          <div class="foot">
            <Typing typing={state.typing} />
            <Composer
              room={room}
              title={title}
              drafts={drafts}
              limit={client.identity?.limits?.max_message_length ?? 0}
              subject={subject}
              me={me}
              people={actions.may.reply ? () => peopleOf(room.state) : undefined}
              onEnd={endSubject}
              onEditLast={editLast}
              onSend={() => onSend.current()}
            />
          </div>
        </>
      )}
      {presence && <PeopleList presence={presence} me={me} />}
      <Announcer room={room} messages={state.messages} me={me} notice={notice} />
    </div>
  )
}
