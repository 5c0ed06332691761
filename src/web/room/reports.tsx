/** Renders the open reports of messages, with buttons that dismiss a report or delete its message. */
import { useRef } from 'preact/hooks'
import type { Report, ReportDecision, ReportList, ReportRange, Session } from '../../../client/src/index.ts'
import { type Action, useAction } from '../hooks.ts'
import { usePages } from '../pages.ts'
import { Refusal } from '../refusal.tsx'
import { shortTime } from '../times.ts'
import { moderationOf } from './apis.ts'

interface ReportsListProps {
  readonly loading: Action
  readonly action: Action
  readonly load: (page: ReportRange) => Promise<ReportList>
  readonly resolve: (id: number, outcome: ReportDecision) => Promise<void>
}

const PAGE = 50

export const ReportsSection = ({ session, room }: { readonly session: Session; readonly room: string }) => {
  const api = moderationOf(session)
  const common = { loading: useAction(), action: useAction() }
  return (
    <ReportsList
      {...common}
      load={page => api.reports(room, page)}
      resolve={(id, outcome) => api.resolveReport(room, id, outcome)}
    />
  )
}

export const ReportsList = ({ loading, action, load, resolve }: ReportsListProps) => {
  const list = useRef<HTMLUListElement>(null)
  const pages = usePages<Report>(loading, async after => {
    const page = await load({ state: 'open', limit: PAGE, ...(after === undefined ? {} : { after }) })
    return { items: page.reports, next: page.next }
  })
  const end = (id: number, outcome: ReportDecision): void =>
    void action.run(async () => {
      await resolve(id, outcome)
      // The pressed button disappears, and with it the focus.
      list.current?.focus()
      pages.reload()
    })
  return (
    <>
      <Refusal error={loading.error ?? action.error} />
      <ul ref={list} class="entries" tabIndex={-1} aria-label="Open reports">
        {pages.items.map(({ id, author, reporter, content, reason, created_at }) => (
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
              <button type="button" class="plain" aria-disabled={action.isBusy} onClick={() => end(id, 'dismissed')}>
                Dismiss the report
              </button>
              <button type="button" class="danger" aria-disabled={action.isBusy} onClick={() => end(id, 'deleted')}>
                Delete the message
              </button>
            </div>
          </li>
        ))}
      </ul>
      {pages.items.length === 0 && !loading.isBusy && !loading.error && <p class="hint">There are no open reports.</p>}
      {pages.hasMore && (
        <button type="button" class="plain" disabled={loading.isBusy} onClick={pages.loadMore}>
          Show more
        </button>
      )}
    </>
  )
}

/** Used for a user whose account was deleted. */
const DELETED = 'a deleted user'

const nameOf = (user: unknown): string => (user as { readonly username?: string } | null)?.username ?? DELETED
