/**
 * Renders the account dialog: profile, password, e-mail, second factors, sessions, notifications, blocked users, and the user's
 * data.
 */

import { useEffect, useState } from 'preact/hooks'
import type { AccountApi, Account as AccountData, AuthFeatures, Factors, Session } from '../../../client/src/index.ts'
import { accountOf } from '../account-api.ts'
import { useLoaded } from '../hooks.ts'
import { Panel, type PanelSection } from '../panel.tsx'
import { useProof, type WithProof } from '../proof.tsx'
import { BlockedSection } from './blocked.tsx'
import { DataSection } from './data.tsx'
import { EmailSection } from './email.tsx'
import { FactorsSection } from './factors.tsx'
import { type NotificationsProps, NotificationsSection } from './notifications.tsx'
import { PasswordSection } from './password.tsx'
import { ProfileSection } from './profile.tsx'
import { SessionsSection } from './sessions.tsx'

export interface AccountProps extends NotificationsProps {
  readonly session: Session
  readonly memoryReason: string | undefined
  readonly onClose: () => void
  /** Called when the user's own session has ended. */
  readonly onEnded: () => void
  /** Called with the ids of all blocked users when the list of blocked users is loaded. */
  readonly onBlocked: (blocked: ReadonlySet<number>) => void
}

/** The properties that most sections share. */
export interface SectionProps {
  readonly account: AccountApi
  readonly me: AccountData
  readonly withProof: WithProof
  /** Loads the account and its factors again. */
  readonly onChange: () => void
}

interface Loaded {
  readonly me: AccountData
  /**
   * The second factors of the user. Undefined if the service has no second factors, for example because a host application
   * authenticates the users.
   */
  readonly factors: Factors | undefined
}

export const Account = (props: AccountProps) => {
  const { session, onClose } = props
  const [account] = useState(() => accountOf(session))
  const [loaded, setLoaded] = useState<Loaded>()
  const features = useLoaded(() => account.features())
  const { withProof, dialog } = useProof(account, loaded?.factors)
  const load = async (): Promise<void> => {
    const [me, factors] = await Promise.all([account.me(), account.factors().catch(() => undefined)])
    setLoaded({ me, factors })
  }
  useEffect(() => void load().catch(() => {}), [])

  const sections = loaded
    ? sectionsOf({ ...props, ...loaded, features, account, withProof, onChange: () => void load() })
    : [{ label: 'Profile', content: <p class="hint">Loading…</p> }]
  return (
    <Panel title="Account" sections={sections} onClose={onClose}>
      {dialog}
    </Panel>
  )
}

interface AllProps extends SectionProps, Loaded, Omit<AccountProps, 'onClose'> {
  readonly features: AuthFeatures | undefined
}

/** Returns the sections that the service offers. */
const sectionsOf = (props: AllProps): PanelSection[] => {
  const { session, factors, features, memoryReason, onEnded, onBlocked, isNotifying, onNotifying, ...common } = props
  return [
    { label: 'Profile', content: <ProfileSection {...common} /> },
    { label: 'Password', content: <PasswordSection {...common} /> },
    ...(features?.mail ? [{ label: 'E-mail', content: <EmailSection {...common} /> }] : []),
    ...(factors ? [{ label: 'Two-step login', content: <FactorsSection {...common} factors={factors} /> }] : []),
    { label: 'Sessions', content: <SessionsSection {...common} {...{ memoryReason, onEnded }} /> },
    { label: 'Notifications', content: <NotificationsSection {...{ isNotifying, onNotifying }} /> },
    { label: 'Blocked people', content: <BlockedSection {...{ session, onBlocked }} /> },
    { label: 'Your data', content: <DataSection {...common} onEnded={onEnded} /> }
  ]
}
