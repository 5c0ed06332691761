/** Decides which URLs the service may request: URLs with TLS, and URLs of this computer. */

const LOCAL: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Returns whether a URL leads to this computer. */
const isLocalUrl = (text: string): boolean => URL.canParse(text) && LOCAL.has(new URL(text).hostname)

/**
 * Returns whether the service may request a URL. The scheme must be https, or http if the host is this computer. The URL must
 * not contain a user or a password.
 */
export const isSecureUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLocalUrl(text))
}

/**
 * Returns whether a document from the URL `from` may refer the service to the URL `to`. A document from another computer must
 * not refer the service to this computer.
 */
export const mayLeadTo = (from: string, to: string): boolean => isSecureUrl(to) && (isLocalUrl(from) || !isLocalUrl(to))
