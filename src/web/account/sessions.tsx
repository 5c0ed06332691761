/** Renders the user's sessions, and buttons to end them. */
import { useEffect, useState } from 'preact/hooks'
import type { SessionEntry } from '../../../client/src/index.ts'
import { useAction } from '../hooks.ts'
import { useProtectedAction } from '../proof.tsx'
import { Refusal } from '../refusal.tsx'
import { fullTime } from '../times.ts'
import type { AccountProps, SectionProps } from './account.tsx'
import { deviceOf } from './device.ts'
import { SectionForm } from './section.tsx'

type SessionsProps = SectionProps & Pick<AccountProps, 'memoryReason' | 'onEnded'>

export const SessionsSection = ({ account, withProof, memoryReason, onEnded }: SessionsProps) => {
  const [sessions, setSessions] = useState<readonly SessionEntry[]>([])
  const loading = useAction()
  const ending = useProtectedAction(withProof)
  const endingAll = useProtectedAction(withProof)
  const load = () => loading.run(async () => setSessions((await account.sessions()).sessions))
  useEffect(() => void load(), [])
  const end = (id: string): void => void ending.run(() => account.endSession(id)).then(load)
  return (
    <>
      <h3>Where you are logged in</h3>
      {memoryReason !== undefined && <p class="note">{memoryReason}</p>}
      <Refusal error={loading.error ?? ending.error} />
      <ul class="entries">
        {sessions.map(session => (
          <Entry key={session.id} session={session} isBusy={ending.isBusy} onEnd={() => end(session.id)} />
        ))}
      </ul>
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
