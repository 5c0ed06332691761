/** Composes mails from rows of the outbox. Looks up the user and the address, and creates the link. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { ChatDatabase } from '../../db/database.ts'
import type { EmailRecord } from '../../db/repositories/emails.ts'
import type { LeasedMail } from '../../db/repositories/outbox.ts'
import { normalizeAddress } from '../emails/address.ts'
import type { LookupKeys } from '../lookup-keys.ts'
import { mayMail } from './mail.ts'
import { renderMail } from './render.ts'
import type { OutgoingMail } from './smtp.ts'
import { type MailTemplate, templateOf } from './templates.ts'
import { hashToken, newToken } from './token.ts'

export interface ComposerOptions {
  readonly database: Pick<ChatDatabase, 'transaction' | 'users' | 'emails' | 'oneTimeTokens'>
  readonly keyring: Keyring
  readonly lookupKeys: LookupKeys
  /** The URL of the page to which links lead. The token is added as its fragment. */
  readonly linkUrl: string
}

/**
 * Returns the mail of a row. Rejects if the mail cannot be composed now. Returns undefined if the mail must not be sent:
 * - The user or the address of the mail no longer exists.
 * - The link in the mail would be invalid, because the user has a newer link, another password or another address.
 * - Too many mails were counted for the user (see `mayMail`). This applies only to a row of the kind `forgot`.
 */
export type Compose = (row: LeasedMail) => Promise<OutgoingMail | undefined>

type Params = Readonly<Record<string, string>>

interface Resolved {
  readonly row: LeasedMail
  readonly params: Params
}

interface Recipient {
  readonly to: string
  readonly addressHash: string | null
}

export const createComposer = (options: ComposerOptions): Compose => {
  const { database, keyring, lookupKeys, linkUrl } = options
  const site = new URL(linkUrl).hostname

  const decrypted = (token: string, keyId: string, what: string): string => {
    const text = keyring.decrypt(token, keyId)
    if (text !== undefined) return text
    throw new Error(`${what} cannot be decrypted. Add the ENCRYPTION_KEY that encrypted it to ENCRYPTION_KEY_PREVIOUS.`)
  }

  /** Turns a row of the kind `forgot` into a mail with a link for a new password. Finds the user by the address in the row. */
  const resolveForgotten = async (row: LeasedMail, { address = '' }: Params): Promise<Resolved | undefined> => {
    const normalized = normalizeAddress(address)
    if (!normalized) return undefined
    const email = await database.emails.findVerified(await lookupKeys.hash('emails', normalized.key))
    if (!email) return undefined
    const params = { addressHash: email.addressHash }
    const { token, keyId } = keyring.encrypt(JSON.stringify(params))
    const mail = { kind: 'reset_password', userId: email.userId, payload: token, keyId } as const
    // Counts the mail and assigns the mail to the user in one transaction, so that a retry does not count the mail again.
    return database.transaction(async repositories => {
      if (!(await mayMail(repositories, mail))) return undefined
      const generation = await repositories.outbox.address(row.id, mail)
      return { row: { ...row, ...mail, generation }, params }
    })
  }

  /** Returns the address to which a mail goes: `params.address` if present, or else the address of the user. */
  const recipientOf = async ({ userId }: LeasedMail, params: Params, { link }: MailTemplate) => {
    if (params.address !== undefined) return { to: params.address, addressHash: null }
    const emails = userId === null ? [] : await database.emails.listOf(userId)
    const state: EmailRecord['state'] = link?.purpose === 'verify_email' ? 'pending' : 'verified'
    const email = emails.find(one => one.state === state)
    // The user has no address, or has changed the address since the mail was stored. In both cases, the mail must not be sent.
    if (!email || (params.addressHash !== undefined && params.addressHash !== email.addressHash)) return undefined
    return { to: decrypted(email.address, email.keyId, 'An address'), addressHash: email.addressHash }
  }

  const linkOf = async (row: LeasedMail, { addressHash }: Recipient, { link }: MailTemplate) => {
    if (!link || row.userId === null) return undefined
    const token = newToken()
    const isIssued = await database.oneTimeTokens.issue({
      hash: hashToken(token),
      purpose: link.purpose,
      userId: row.userId,
      addressHash,
      lifetimeMs: link.lifetimeMs,
      requestedAt: row.createdAt,
      generation: row.generation
    })
    return isIssued ? `${linkUrl}#${link.fragment}=${token}` : undefined
  }

  return async leased => {
    const given: Params = JSON.parse(decrypted(leased.payload, leased.keyId, 'A row of the table "outbox"'))
    const resolved = leased.kind === 'forgot' ? await resolveForgotten(leased, given) : { row: leased, params: given }
    if (!resolved) return undefined
    const { row, params } = resolved
    const template = templateOf(row.kind)
    // During a rolling upgrade, a process of a newer release may have stored the mail. Such a process will also send it.
    if (!template)
      throw new Error('A newer release stored a mail of an unknown kind. A process of that release has to send it.')
    const recipient = await recipientOf(row, params, template)
    if (!recipient) return undefined
    const link = await linkOf(row, recipient, template)
    if (template.link && !link) return undefined
    const user = row.userId === null ? undefined : (await database.users.findByIds([row.userId])).get(row.userId)
    const username = params.username ?? user?.username ?? ''
    return { id: row.id, to: recipient.to, ...renderMail(template, { username, site, params }, link) }
  }
}
