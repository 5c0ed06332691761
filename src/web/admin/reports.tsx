/** Renders the open reports of all rooms, including direct rooms. */
import { ReportsList } from '../room/reports.tsx'
import type { AdminSectionProps } from './users.tsx'

export const ReportsSection = ({ admin, withProof }: AdminSectionProps) => (
  <ReportsList withProof={withProof} load={admin.reports} resolve={admin.resolveReport} />
)
