/**
 * Reads the token of a mail link (`#reset=…`, `#verify=…`) or of an invitation link (`#invitation=…` to register, `#invite=…` to
 * join a room) from the fragment of the URL.
 * main.tsx removes the token from the address bar immediately, so that no history, bookmark or screenshot contains it. A mail
 * scanner may open the link. The page therefore uses up the token only when the user presses a button.
 */

export interface MailLink {
  readonly purpose: 'reset' | 'verify' | 'invitation' | 'invite'
  readonly token: string
}

const LINK = /^#(reset|verify|invitation|invite)=([\w.~-]+)$/

/** Returns the link in a text. Returns undefined for any other text, such as the name of a room in the fragment of the page. */
export const mailLinkOf = (hash: string): MailLink | undefined => {
  const [, purpose, token] = LINK.exec(hash) ?? []
  return token === undefined ? undefined : { purpose: purpose as MailLink['purpose'], token }
}
