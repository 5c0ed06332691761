/** Renders one room: header, messages, people and composer. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ChatClient, Room, WebStorage } from '../../client/src/index.ts'
import type { Deletions } from './actions/deletions.ts'
import { Announcer } from './announcer.tsx'
import { Composer } from './composer.tsx'
import { useEscape, useStore } from './hooks.ts'
import { Info, Menu, People, Pin } from './icons.tsx'
import { peopleOf } from './mentions.ts'
import { MessageList } from './message-list.tsx'
import { part } from './part.ts'
import { PeopleList, Typing } from './people.tsx'
import { mayModerate, type RoomEntry } from './room-entry.ts'
import { RoomHeading } from './room-heading.tsx'
import { DEFAULT_ROOM, linkTo } from './room-link.ts'
import { useSlowMode } from './slow-mode.ts'
import { type Safety, useActions } from './use-actions.ts'
import { useNotes } from './use-notes.ts'

const Pins = part(parts => parts.Pins)

interface RoomViewProps {
  readonly room: Room
  readonly title: string
  /** The entry of the room in the list of rooms. Undefined if the list does not contain the room. */
  readonly entry: RoomEntry | undefined
  /** The number of unread messages. Undefined until it is known. */
  readonly unread: number | undefined
  /** Whether another room has unread messages or is marked as unread. */
  readonly areOthersUnread: boolean
  /** Called with the `seq` of the newest message when the user sees it. */
  readonly onSeen: (seq: number) => void
  readonly isAdmin: boolean
  readonly safety: Safety
  readonly client: ChatClient
  readonly drafts: WebStorage
  readonly deletions: Deletions
  /** Called to open the drawer with the rooms. */
  readonly onMenu: () => void
  /** Called to open the dialog with the members and the topic. */
  readonly onDetails: () => void
}

/**
 * Renders one room. The parent sets `key` to the room's name, so that each room mounts a new component without the state of
 * another room.
 */
export const RoomView = (props: RoomViewProps) => {
  const { room, title, entry, unread, areOthersUnread, isAdmin, safety, onSeen, client, drafts, deletions } = props
  const { onMenu, onDetails } = props
  const state = useStore(
    changed => room.on('change', changed),
    () => room.state
  )
  const [arePeopleShown, showPeople] = useState(false)
  const [arePinsShown, showPins] = useState(false)
  const moderate = entry !== undefined && mayModerate(entry, isAdmin)
  const onSend = useRef(() => {})
  const jump = useRef((_seq: number) => {})
  const { actions, subject, notice, deleting, endSubject, editLast } = useActions(
    client,
    room,
    state,
    deletions,
    jump,
    { moderate, pin: moderate || entry?.visibility === 'direct' },
    safety
  )
  const { presence } = state
  const me = client.identity?.user_id
  const slowMode = useSlowMode(moderate ? 0 : (entry?.slowMode ?? 0), state.outgoing)
  const isMember = entry?.role !== undefined
  const notes = useNotes(client, room, state, isMember)
  const isLive = state.status === 'live'
  useEffect(() => {
    // If the read positions can't be loaded, the page shows no readers.
    if (isMember && isLive) void room.loadReads().catch(() => {})
  }, [isMember, isLive])
  useEscape(() => showPeople(false))

  return (
    <div class={arePeopleShown ? 'room with-people' : 'room'}>
      <header class="head">
        <button type="button" class="icon-button drawer-only" onClick={onMenu} aria-label="Rooms">
          <Menu />
          {areOthersUnread && <span class="unread-dot" aria-hidden="true" />}
        </button>
        <RoomHeading title={title} entry={entry} />
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
        {entry && client.identity?.features.includes('pin') && (
          <button
            type="button"
            class="icon-button"
            onClick={() => showPins(true)}
            aria-label="Pinned messages"
            title="Pinned messages"
          >
            <Pin size={20} />
          </button>
        )}
        {entry && (
          <button type="button" class="icon-button" onClick={onDetails} aria-label="Room details" title="Room details">
            <Info />
          </button>
        )}
      </header>
      {state.error ? (
        <div class="refused" role="alert">
          <p dir="auto">{state.error.detail}</p>
          <a href={linkTo(DEFAULT_ROOM)}>Go to #{DEFAULT_ROOM}</a>
        </div>
      ) : (
        <>
          <MessageList
            {...{ room, state, title, unread, actions, deleting, notes, jump, onSend, onSeen }}
            visibility={entry?.visibility}
            identity={client.identity}
          />
          <div class="foot">
            <Typing typing={state.typing} note={slowMode} />
            {entry?.isArchived ? (
              <p class="closed">This room is archived. You can read it, but nobody can post.</p>
            ) : (
              <Composer
                room={room}
                title={title}
                isPublic={entry?.visibility === 'public'}
                drafts={drafts}
                limit={client.identity?.limits?.max_message_length ?? 0}
                subject={subject}
                me={me}
                people={actions.may.reply ? () => peopleOf(room.state, notes.members) : undefined}
                onEnd={endSubject}
                onEditLast={editLast}
                onSend={() => onSend.current()}
              />
            )}
          </div>
        </>
      )}
      {arePinsShown && !state.error && (
        <Pins
          {...{ room, actions }}
          api={client.api}
          onClose={() => showPins(false)}
          onJump={seq => {
            showPins(false)
            actions.jump(seq)
          }}
        />
      )}
      {presence && <PeopleList presence={presence} me={me} />}
      {/* The announcer contains texts of messages, which must not stay on the page of a removed user. */}
      {!state.error && <Announcer room={room} messages={state.messages} me={me} notice={notice} />}
    </div>
  )
}
