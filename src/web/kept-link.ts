/**
 * Keeps an invitation until the user has logged in and opened it, even if the tab is reloaded. After a reload, the URL no
 * longer contains the invitation, because main.tsx has removed it.
 */
import { type MailLink, mailLinkOf } from './mail-links.ts'
import { tabStorage } from './user-storage.ts'

const KEY = 'link'

/**
 * Stores the link if it is an invitation, and otherwise removes the stored one. The tokens of other links are not stored,
 * because they give access to an account.
 */
export const keepLink = (link: MailLink | undefined): void => {
  if (link?.purpose.startsWith('invit')) tabStorage.setItem(KEY, `#${link.purpose}=${link.token}`)
  else tabStorage.removeItem(KEY)
}

export const keptLink = (): MailLink | undefined => mailLinkOf(tabStorage.getItem(KEY) ?? '')
