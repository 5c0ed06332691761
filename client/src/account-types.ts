/** The types of the account and admin APIs. */
import type { User } from './protocol.ts'

/**
 * The authenticated user's account. `email` is absent if the user has no address. All e-mail fields are absent if the service
 * sends no mail.
 */
export interface Account extends User {
  readonly display_name?: string
  readonly role?: Role
  readonly email?: string
  readonly email_is_verified?: boolean
  /** The address that will replace `email` when the user has verified the new address. */
  readonly pending_email?: string
}

/** The features that the service offers to people who are not logged in. */
export interface AuthFeatures {
  readonly registration: 'open' | 'invite' | 'closed'
  /** True if the service sends mails, for example with a link to set a new password. */
  readonly mail: boolean
  /** True if a login needs a verified address. */
  readonly verified_email: boolean
  readonly passkeys: boolean
}

export type Role = 'user' | 'admin'

/** A session of the user. `current` is true for the session of the access token. */
export interface SessionEntry {
  readonly id: string
  readonly device?: string | null
  readonly address?: string | null
  readonly created_at: string
  readonly last_used_at: string
  readonly current: boolean
}

export interface Passkey {
  readonly id: string
  readonly name: string
  readonly created_at: string
  readonly last_used_at?: string | null
  /** False if the passkey was created for another host name, so that it can't be used here. */
  readonly is_usable: boolean
}

/**
 * A passkey that was added. If it is the user's first second factor, `recovery_codes` are present. These codes can't be read
 * again.
 */
export interface AddedPasskey extends Pick<Passkey, 'id' | 'name' | 'created_at'>, Partial<RecoveryCodes> {}

/** The user's second factors. */
export interface Factors {
  readonly totp: { readonly is_enabled: boolean }
  readonly recovery_codes: { readonly left: number }
  readonly passkeys: { readonly is_available: boolean; readonly items: readonly Passkey[] }
}

/** A secret for an authenticator app. `uri` is the content of its QR code. */
export interface TotpSecret {
  readonly secret: string
  readonly uri: string
}

export interface RecoveryCodes {
  readonly recovery_codes: readonly string[]
}

/**
 * A WebAuthn ceremony. Pass `options` to `navigator.credentials`. Send the response to the service, together with `challenge`.
 */
export interface PasskeyCeremony {
  readonly challenge: string
  // biome-ignore lint/suspicious/noExplicitAny: the browser defines the options (WebAuthn Level 3, section 5.1).
  readonly options: any
}

/** A user, as administrators see them. */
export interface ManagedUser {
  readonly id: number
  readonly username: string
  readonly display_name?: string | null
  readonly role: Role
  readonly status: 'active' | 'suspended' | 'deleting' | (string & {})
  readonly created_at: string
}

/** An event of the audit log. Fields that don't apply to an event are absent. */
export interface AuditEvent {
  readonly id: number
  readonly event: string
  readonly at: string
  /** The id of the user that the event is about. */
  readonly user_id?: number
  /** The id of the administrator who caused the event. Absent if no administrator caused it. */
  readonly actor_id?: number
  readonly session_id?: string
  readonly address?: string
  readonly agent?: string
  readonly detail?: Readonly<Record<string, string | number | boolean>>
  /** For failed logins, the number of failures within an hour that this event stands for. For all other events, 1. */
  readonly count: number
}
