/** Renders the user's sessions, and buttons to end them. */
import type { SessionEntry } from '../../../client/src/index.ts'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import { useProtectedAction } from '../proof.tsx'
import { fullTime } from '../times.ts'
import type { AccountProps, SectionProps } from './account.tsx'
import { deviceOf } from './device.ts'
import { SectionForm } from './section.tsx'

type SessionsProps = SectionProps & Pick<AccountProps, 'memoryReason' | 'onEnded'>

export const SessionsSection = ({ account, withProof, memoryReason, onEnded }: SessionsProps) => {
  const endingAll = useProtectedAction(withProof)
  const pages = usePages(async () => ({ items: (await account.sessions()).sessions }), withProof)
  return (
    <>
      <h3>Where you are logged in</h3>
      {memoryReason !== undefined && <p class="note">{memoryReason}</p>}
      <List pages={pages} empty="You have no sessions.">
        {session => (
          <Entry
            key={session.id}
            session={session}
            isBusy={pages.action.isBusy}
            onEnd={() => pages.change(() => account.endSession(session.id))}
          />
        )}
      </List>
      <SectionForm
        title="Log out everywhere"
        text="Ends all your sessions, including this one."
        button="Log out everywhere"
        action={endingAll}
        isDangerous
        onSubmit={() => void endingAll.run(() => account.endAllSessions()).then(isDone => isDone && onEnded())}
      />
    </>
  )
}

interface EntryProps {
  readonly session: SessionEntry
  readonly isBusy: boolean
  readonly onEnd: () => void
}

const Entry = ({ session, isBusy, onEnd }: EntryProps) => {
  const name = deviceOf(session.device)
  return (
    <li>
      <div>
        <strong dir="auto">{name}</strong>
        {session.current && <span class="mark">this session</span>}
        <p class="hint">
          {session.address && `${session.address}, `}last used {fullTime(Date.parse(session.last_used_at))}
        </p>
      </div>
      {!session.current && (
        <button type="button" class="plain" disabled={isBusy} onClick={onEnd} aria-label={`End the session ${name}`}>
          End
        </button>
      )}
    </li>
  )
}
