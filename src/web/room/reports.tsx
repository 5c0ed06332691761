/** Renders the open reports of messages, with buttons that dismiss a report or delete its message. */
import type { ReportDecision, ReportList, ReportRange, Session } from '../../../client/src/index.ts'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import type { WithProof } from '../proof.tsx'
import { shortTime } from '../times.ts'
import { moderationOf } from './apis.ts'

interface ReportsListProps {
  readonly withProof?: WithProof
  readonly load: (page: ReportRange) => Promise<ReportList>
  readonly resolve: (id: number, outcome: ReportDecision) => Promise<void>
}

const PAGE = 50

export const ReportsSection = ({ session, room }: { readonly session: Session; readonly room: string }) => {
  const api = moderationOf(session)
  return (
    <ReportsList
      load={page => api.reports(room, page)}
      resolve={(id, outcome) => api.resolveReport(room, id, outcome)}
    />
  )
}

export const ReportsList = ({ withProof, load, resolve }: ReportsListProps) => {
  const pages = usePages(async after => {
    const { reports, next } = await load({ state: 'open', limit: PAGE, ...after })
    return { items: reports, next }
  }, withProof)
  const end = (id: number, outcome: ReportDecision): void => pages.change(() => resolve(id, outcome))
  return (
    <List pages={pages} label="Open reports" empty="There are no open reports.">
      {({ id, author, reporter, content, reason, created_at }) => (
        <li key={id}>
          <div>
            <p class="hint">
              A message of <bdi>{nameOf(author)}</bdi>, reported by <bdi>{nameOf(reporter)}</bdi> on{' '}
              {shortTime(Date.parse(created_at))}
            </p>
            <p class="reported" dir="auto">
              {content ?? 'The text of the message is no longer available.'}
            </p>
            {reason && (
              <p class="hint">
                Reason: <bdi>{reason}</bdi>
              </p>
            )}
          </div>
          <div class="row">
            <button
              type="button"
              class="plain"
              aria-disabled={pages.action.isBusy}
              onClick={() => end(id, 'dismissed')}
            >
              Dismiss the report
            </button>
            <button type="button" class="danger" aria-disabled={pages.action.isBusy} onClick={() => end(id, 'deleted')}>
              Delete the message
            </button>
          </div>
        </li>
      )}
    </List>
  )
}

/** Used for a user whose account was deleted. */
const DELETED = 'a deleted user'

const nameOf = (user: unknown): string => (user as { readonly username?: string } | null)?.username ?? DELETED
