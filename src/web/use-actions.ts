/** Connects the actions of the messages to a room: replies, edits, delayed deletions, reactions, pins and jumps. */
import type { RefObject } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { ChatClient, Message, Room, RoomState } from '../../client/src/index.ts'
import type { Deletions } from './actions/deletions.ts'
import { type MessageActions, permissionsOf, type RoomRights } from './actions/message-actions.ts'
import { shownKey } from './actions/reaction-keys.ts'
import type { Subject } from './composer.tsx'
import { useStore } from './hooks.ts'

interface RoomActions {
  readonly actions: MessageActions
  readonly subject: Subject | undefined
  /** A sentence about the result of the user's last action, for screen readers. */
  readonly notice: string
  /** The `seq` of the messages whose deletion is delayed. */
  readonly deleting: ReadonlySet<number>
  endSubject(): void
  editLast(): boolean
}

export type Safety = Pick<MessageActions, 'blocked' | 'report' | 'block'>

interface Chosen {
  readonly kind: Subject['kind']
  readonly seq: number
  /** The text of an edit that the service has refused. */
  readonly text?: string
}

/** Maximum number of names in a tooltip. */
const MAX_NAMES = 20

export const useActions = (
  client: ChatClient,
  room: Room,
  state: RoomState,
  deletions: Deletions,
  jump: RefObject<(seq: number) => void>,
  rights: RoomRights,
  safety: Safety
): RoomActions => {
  const [chosen, setChosen] = useState<Chosen>()
  const [notice, setText] = useState('')
  // Screen readers announce only a text that changes, so a text that is repeated gets a space at its end.
  const setNotice = (text: string): void => setText(before => (before === text ? `${text}\u00a0` : text))
  const deleting = useStore(deletions.subscribe, () => deletions.waiting(room.name))
  const features = useStore(
    changed => client.on('identity', changed),
    () => client.identity?.features?.join(' ')
  )
  const actions = useMemo<MessageActions>(() => {
    const may = permissionsOf(features?.split(' '), rights)
    return {
      may,
      ...safety,
      reply: ({ seq }) => setChosen({ kind: 'reply', seq }),
      edit: ({ seq }) => setChosen({ kind: 'edit', seq }),
      editAgain({ nonce, target, content }) {
        setChosen({ kind: 'edit', seq: target, text: content })
        room.discard(nonce)
      },
      remove({ seq }) {
        deletions.start(room, seq)
        setNotice('Message deleted. You can undo this for 5 seconds.')
      },
      undo(seq) {
        deletions.undo(room, seq)
        setNotice('The message is kept.')
      },
      hold: (seq, isHeld) => deletions.hold(room, seq, isHeld),
      toggle({ seq, mine = [] }, key) {
        const remove = mine.includes(key)
        room.react(seq, key, { remove })
        setNotice(`${remove ? 'Removed' : 'Added'} the reaction ${shownKey(key)}`)
      },
      pin({ seq, pinned: remove = false }) {
        room.pin(seq, { remove })
        setNotice(remove ? 'Message unpinned.' : 'Message pinned.')
      },
      jump: seq => jump.current?.(seq),
      async reactors(seq, key) {
        const { reactions } = await client.api.reactions(room.name, seq, key, { limit: MAX_NAMES })
        return reactions.map(({ username }) => username)
      },
      retry: room.retry,
      discard: room.discard
    }
  }, [room, features, rights.pin, rights.moderate, safety.blocked])

  const message = chosen && state.messages.find(({ seq }) => seq === chosen.seq)
  const isDeleted = message?.content === null || (chosen !== undefined && deleting.has(chosen.seq))
  // Ends an edit when its message is deleted, because the text of a deleted message must not stay in the composer.
  const isGone = chosen?.kind === 'edit' && (message === undefined || isDeleted)
  useEffect(() => {
    if (isGone) setChosen(undefined)
  }, [isGone])

  return {
    actions,
    subject: isGone
      ? undefined
      : subjectOf(chosen, isDeleted ? message && { ...message, content: null, unavailable: 'erased' } : message),
    notice,
    deleting,
    endSubject: () => setChosen(undefined),
    editLast() {
      const me = client.identity?.user_id
      const last = state.messages.findLast(
        ({ user_id, content, seq }) => user_id === me && content !== null && !deleting.has(seq)
      )
      if (!last || !actions.may.edit) return false
      actions.edit(last)
      return true
    }
  }
}

const subjectOf = (chosen: Chosen | undefined, message: Message | undefined): Subject | undefined => {
  if (!chosen) return undefined
  const { kind, seq, text } = chosen
  if (kind === 'reply') return { kind, seq, message }
  return message && { kind, seq, message, text: text ?? message.content ?? '' }
}
