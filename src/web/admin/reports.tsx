/** Renders the open reports of all rooms, also of direct rooms. */
import { lazy } from '../lazy.tsx'
import { useProtectedAction } from '../proof.tsx'
import type { AdminSectionProps } from './users.tsx'

const ReportsList = lazy(async () => (await import('../room/moderation.ts')).ReportsList)

export const ReportsSection = ({ admin, withProof }: AdminSectionProps) => {
  const loading = useProtectedAction(withProof)
  const action = useProtectedAction(withProof)
  return <ReportsList {...{ loading, action }} load={admin.reports} resolve={admin.resolveReport} />
}
