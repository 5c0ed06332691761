/** Keeps an invitation over reloads of the tab until the user has logged in and opened it, because the URL no longer has it. */
import { type MailLink, mailLinkOf } from './mail-links.ts'
import { tabStorage } from './user-storage.ts'

const KEY = 'link'

/** Stores an invitation. Removes the stored one if `link` is another link, whose token is not stored because it proves more. */
export const keepLink = (link: MailLink | undefined): void => {
  if (link?.purpose.startsWith('invit')) tabStorage.setItem(KEY, `#${link.purpose}=${link.token}`)
  else tabStorage.removeItem(KEY)
}

export const keptLink = (): MailLink | undefined => mailLinkOf(tabStorage.getItem(KEY) ?? '')
