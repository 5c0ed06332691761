/** Lists the events of the audit log. */

/** The name of each event, and when it is recorded. Names are added over time, never renamed. */
export const AUDIT_EVENTS = {
  login: 'A user logged in.',
  password_changed: 'A user changed the password.',
  password_reset: 'A password was changed with the token of a link.',
  login_failed: 'Logins failed. Counted per account, network and hour.',
  second_factor_failed: 'The password was right, and the code of the second factor was wrong.',
  factor_added: 'A user added an authenticator app or a passkey.',
  factor_removed: 'A user removed an authenticator app or a passkey.',
  recovery_codes_created: 'A user received new recovery codes. Earlier ones became invalid.',
  recovery_code_used: 'A user logged in, or proved who they are, with a recovery code.',
  passkey_counter_decreased: 'The counter of a passkey decreased. The passkey may have been copied.',
  logout: 'A user logged out.',
  logout_all: 'A user ended all sessions.',
  session_ended: 'A user ended another session.',
  refresh_reused: 'An old refresh token was used again, so somebody has a copy. The session was ended.',
  user_created: 'The operator created a user. `role` is the role of the user.',
  role_changed: 'A user got another role, which is in `role`.',
  user_suspended: 'A user was suspended, which ended every session.',
  user_restored: 'A suspended user was restored.',
  sessions_ended: 'An administrator or the operator ended every session of a user, or of all users (`all`).',
  reset_issued: 'An administrator or the operator issued a link or token to reset the password of a user.',
  invitation_created: 'An administrator created an invitation.',
  invitation_used: 'A user registered with an invitation.',
  identity_added: 'A person of another issuer got an account.',
  audit_read: 'An administrator read the audit log. The details are the filter.',
  reports_read: 'An administrator read reports of messages. The details are the filter.',
  report_resolved:
    'An administrator resolved a report of a message of the user. `outcome` is `dismissed` or `deleted`.',
  email_entered: 'A user entered an e-mail address, to which a link was sent.',
  email_verified: 'A user confirmed an e-mail address.',
  email_removed: 'A user removed the e-mail address.',
  account_deletion_requested: 'An account was deleted: its login and its sessions ended.',
  account_deleted: 'The deletion of an account has finished.'
} as const satisfies Record<string, string>

export type AuditEventName = keyof typeof AUDIT_EVENTS
