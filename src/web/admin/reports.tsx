/** Renders the open reports of public rooms and direct rooms, and of private rooms in which the administrator is a member. */
import { ReportsList } from '../room/reports.tsx'
import type { AdminSectionProps } from './users.tsx'

export const ReportsSection = ({ admin, withProof }: AdminSectionProps) => (
  <ReportsList withProof={withProof} load={admin.reports} resolve={admin.resolveReport} />
)
