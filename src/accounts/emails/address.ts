/** Validates and normalizes e-mail addresses. */
import { domainToASCII } from 'node:url'
import { isVisible } from '../../lib/text.ts'

/** An address in two forms. */
export interface NormalizedAddress {
  /** The form to which mails are sent: the address as entered, with the domain in ASCII (punycode, RFC 5891). */
  readonly address: string
  /** The form in which addresses are compared: Unicode NFC and lower case. */
  readonly key: string
}

/** Maximum length of an address in characters (RFC 5321, 4.5.3.1.3). */
export const MAX_ADDRESS = 254
/** Maximum length of the part before the @, in bytes (RFC 5321, 4.5.3.1.1). */
const MAX_LOCAL_BYTES = 64

// Quoted parts ("a b"@example.com) are valid in RFC 5321 but practically unused, and mail servers disagree about them.
const FORBIDDEN_IN_LOCAL = /[\s\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}"(),:;<>@[\\\]]/u
const FORBIDDEN_IN_DOMAIN = /[\s\p{Cc}\p{Cf}\p{Cs}!-,/:-@[-`{-~]/u
/** Matches a host name of two labels or more. The last label must begin with a letter, which excludes IP addresses. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Returns both forms of an address, or undefined if it is not valid. Addresses that differ only in case count as the same. The
 * standard allows servers to distinguish such addresses, but hardly any server does. People do not type the case consistently.
 */
export const normalizeAddress = (text: string): NormalizedAddress | undefined => {
  if (text.length > 2 * MAX_ADDRESS) return undefined
  const composed = text.trim().normalize('NFC')
  const at = composed.lastIndexOf('@')
  const local = composed.slice(0, Math.max(at, 0))
  const domain = domainOf(composed.slice(at + 1))
  if (domain === undefined || !isLocal(local)) return undefined
  const address = `${local}@${domain}`
  if (address.length > MAX_ADDRESS) return undefined
  return { address, key: `${local.toLowerCase().normalize('NFC')}@${domain}` }
}

const isLocal = (local: string): boolean =>
  isVisible(local) && Buffer.byteLength(local) <= MAX_LOCAL_BYTES && !FORBIDDEN_IN_LOCAL.test(local)

const domainOf = (text: string): string | undefined => {
  if (FORBIDDEN_IN_DOMAIN.test(text)) return undefined
  const domain = domainToASCII(text)
  return DOMAIN.test(domain) ? domain : undefined
}
