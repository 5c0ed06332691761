/** Renders the users whom this user has blocked, with buttons that end the block. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { BlockList, Session } from '../../../client/src/index.ts'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import { safetyOf } from '../room/apis.ts'

interface BlockedSectionProps {
  readonly session: Session
  /** Called with the users who are blocked now. */
  readonly onBlocked: (blocked: ReadonlySet<number>) => void
}

export const BlockedSection = ({ session, onBlocked }: BlockedSectionProps) => {
  const api = safetyOf(session)
  const list = useRef<HTMLUListElement>(null)
  const [blocks, setBlocks] = useState<BlockList['blocks']>()
  const action = useAction()
  const load = async (): Promise<void> => {
    const { blocks } = await api.blocks()
    setBlocks(blocks)
    onBlocked(new Set(blocks.map(({ user_id }) => user_id)))
  }
  useEffect(() => void action.run(load), [])
  return (
    <>
      <h3>Blocked people</h3>
      <p class="hint">
        The menu of a message blocks its author. Neither of you can post in your direct messages, and a blocked user
        can’t add you to rooms.
      </p>
      <Refusal error={action.error} />
      <ul ref={list} class="entries" tabIndex={-1} aria-label="Blocked people">
        {blocks?.map(({ user_id: id, username }) => (
          <li key={id}>
            <span class="name" dir="auto">
              {username}
            </span>
            <button
              type="button"
              class="plain"
              aria-disabled={action.isBusy}
              aria-label={`Unblock ${username}`}
              onClick={() =>
                void action.run(async () => {
                  await api.unblock(id)
                  // The pressed button disappears, and with it the focus.
                  list.current?.focus()
                  await load()
                })
              }
            >
              Unblock
            </button>
          </li>
        ))}
      </ul>
      {blocks?.length === 0 && <p class="hint">You have blocked nobody.</p>}
    </>
  )
}
