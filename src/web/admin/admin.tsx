/** Renders the view for administrators: users, invitations, reports and the audit log. */
import { useState } from 'preact/hooks'
import { type AuthFeatures, createAdminApi, type Session } from '../../../client/src/index.ts'
import { accountOf } from '../account-api.ts'
import { useLoaded } from '../hooks.ts'
import { Panel } from '../panel.tsx'
import { useProof } from '../proof.tsx'
import { serviceUrl } from '../session.ts'
import { AuditSection } from './audit.tsx'
import { InvitationSection } from './invitation.tsx'
import { ReportsSection } from './reports.tsx'
import { UsersSection } from './users.tsx'

export interface AdminProps {
  readonly session: Session
  readonly userId: number
  readonly onClose: () => void
}

export const Admin = ({ session, userId, onClose }: AdminProps) => {
  const [account] = useState(() => accountOf(session))
  const admin = createAdminApi({ url: serviceUrl, token: session.token })
  const factors = useLoaded(() => account.factors())
  const features = useLoaded<AuthFeatures>(() => account.features())
  const { withProof, dialog } = useProof(account, factors)
  const common = { admin, withProof }
  const hasInvitations = features !== undefined && features.registration !== 'closed'
  return (
    <Panel
      title="Administration"
      sections={[
        { label: 'Users', content: <UsersSection {...common} userId={userId} /> },
        ...(hasInvitations ? [{ label: 'Invitations', content: <InvitationSection {...common} /> }] : []),
        { label: 'Reports', content: <ReportsSection {...common} /> },
        { label: 'Audit log', content: <AuditSection {...common} /> }
      ]}
      onClose={onClose}
    >
      {dialog}
    </Panel>
  )
}
