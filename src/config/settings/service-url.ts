/** Checks URLs of other services, which may contain a user and a password. */

/**
 * Returns whether a URL can be parsed and has a host. The path of the URL must match `path`, and its host, user and password
 * must be decodable.
 */
export const isServiceUrl = (value: unknown, path: RegExp): boolean => {
  if (!URL.canParse(String(value))) return false
  const { hostname, username, password, pathname } = new URL(String(value))
  return hostname !== '' && path.test(pathname) && [hostname, username, password].every(isEncoded)
}

const isEncoded = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** The end of the error message for a URL that `isServiceUrl` refuses. */
export const ENCODING = 'Encode special characters (@ as %40, / as %2F, # as %23, % as %25)'
