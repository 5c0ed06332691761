/**
 * Parses a PostgreSQL connection URL as libpq does. Such a URL may contain several hosts, IPv6 addresses and Unix sockets, and
 * its parameters may contain the host, port, user, password and database. `URL` rejects some of these forms, and drivers
 * interpret other forms differently from libpq.
 */
import { isIPv6 } from 'node:net'

/** A server. `host` is a host name, an address without brackets, or the folder of a Unix socket. */
export interface DatabaseHost {
  readonly host: string
  readonly port: number
}

/** The decoded parts of a URL. */
export interface DatabaseUrl {
  /** At least one server. */
  readonly hosts: readonly DatabaseHost[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  /** The TLS mode that the parameter `sslmode` selects, or the parameter `ssl` if there is no `sslmode`. */
  readonly sslmode: SslMode | undefined
  /** The remaining parameters, keyed by lower-case name. */
  readonly parameters: Readonly<Record<string, string>>
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

/** Maps the values of `sslmode` to TLS modes. `no-verify` is node-postgres' name for encryption without verification. */
const OF_SSLMODE = new Map<string, SslMode>([...SSL_MODES.map(mode => [mode, mode] as const), ['no-verify', 'require']])

/** Maps the values of `ssl` to TLS modes. Some drivers use this parameter instead of `sslmode`, with booleans or with modes. */
const OF_SSL = new Map<string, SslMode>([
  ...OF_SSLMODE,
  // Node drivers encrypt with any value of `ssl` that is not false.
  ...['allow', 'prefer'].map(value => [value, 'require'] as const),
  ...['true', '1', 'yes', 'on'].map(value => [value, 'require'] as const),
  ...['false', '0', 'no', 'off'].map(value => [value, 'disable'] as const)
])

const URL_FORM = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const DEFAULT_PORT = 5432

/** Returns whether `host` is the folder of a Unix socket. */
export const isSocket = (host: string): boolean => host.startsWith('/')

/**
 * Returns the parts of a URL. Throws an error if `url` is not valid. The error contains no part of the URL, which may contain a
 * password.
 */
export const parseDatabaseUrl = (url: string): DatabaseUrl => {
  const match = URL_FORM.exec(url)
  if (!match) throw malformed()
  const [, userinfo = '', authority = '', path = '', query = ''] = match
  // An ignored `sslMode=require` would cause a connection without encryption. The server ignores the case of its settings, too.
  const named = [...new URLSearchParams(query)].map(([name, value]) => [name.toLowerCase(), value] as const)
  const { host, port, user, password, dbname, sslmode, ssl, ...parameters } = Object.fromEntries(named)
  const at = userinfo.indexOf(':')
  const decoded = (text: string | undefined) => (text ? decode(text) : undefined)
  return {
    hosts: hostsOf(host === undefined ? authority.split(',').map(decodeHost) : host.split(','), port),
    user: user ?? decoded(at < 0 ? userinfo : userinfo.slice(0, at)),
    password: password ?? decoded(at < 0 ? undefined : userinfo.slice(at + 1)),
    database: dbname ?? decoded(path),
    sslmode: sslModeOf(sslmode, ssl),
    parameters
  }
}

const malformed = (): TypeError =>
  new TypeError(
    'The database URL does not have the form postgres://user:password@host:port/database. Encode special characters in it (@ as %40, / as %2F, # as %23).'
  )

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed()
  }
}

/** Throws an error for unknown values, as libpq does. A default in their place could be a connection without encryption. */
const sslModeOf = (sslmode: string | undefined, ssl: string | undefined): SslMode | undefined => {
  if (sslmode !== undefined && !OF_SSLMODE.has(sslmode))
    throw new TypeError(
      '`sslmode` in the database URL is not valid. Use disable, allow, prefer, require, verify-ca or verify-full.'
    )
  if (ssl !== undefined && !OF_SSL.has(ssl))
    throw new TypeError('`ssl` in the database URL is not valid. Use true or false, or use `sslmode` instead.')
  return OF_SSLMODE.get(sslmode ?? '') ?? OF_SSL.get(ssl ?? '')
}

/**
 * Decodes a host. If the host is the folder of a Unix socket with a port, returns the path of the socket's file: for example,
 * `/run/.s.PGSQL.5433` for `%2Frun:5433`.
 */
const decodeHost = (entry: string): string => {
  const [, folder, port] = /^(%2F.*?)(?::(\d+))?$/i.exec(entry) ?? []
  if (folder === undefined) return decode(entry)
  return `${decode(folder)}${port ? `/.s.PGSQL.${port}` : ''}`
}

const hostsOf = (entries: readonly string[], ports: string | undefined): DatabaseHost[] => {
  const defaults = ports?.split(',') ?? []
  return entries.map((entry, at) => hostOf(entry, defaults[at] ?? defaults[0]))
}

const hostOf = (entry: string, port: string | undefined): DatabaseHost => {
  if (isIPv6(entry) || isSocket(entry)) return fromSocketFile({ host: entry, port: portOf(port) })
  const [, host = '', own] = /^(\[[^\]]*\]|[^\s:<>"\\^`{|}]*)(?::(\d*))?$/.exec(entry) ?? []
  if (!host && entry)
    throw new TypeError(
      'A host in the database URL is not valid. Use a host name, an address or the folder of a Unix socket.'
    )
  const isBracketed = host.startsWith('[')
  if (isBracketed && !isIPv6(host.slice(1, -1)))
    throw new TypeError(
      'The brackets in the database URL contain no IPv6 address. Remove the brackets, or correct the address.'
    )
  return { host: isBracketed ? host.slice(1, -1) : host || 'localhost', port: portOf(own || port) }
}

/**
 * If the host is the file of a Unix socket, for example `/run/.s.PGSQL.5433`, returns the folder of the file as the host, and
 * the port from the name of the file. Returns any other host unchanged.
 */
const fromSocketFile = (host: DatabaseHost): DatabaseHost => {
  const [, folder, port] = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(host.host) ?? []
  return folder === undefined ? host : { host: folder || '/', port: portOf(port) }
}

const portOf = (text: string | undefined): number => {
  if (!text) return DEFAULT_PORT
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new TypeError('A port in the database URL is not valid. Use a number from 1 to 65535.')
}

/** Returns the message with which `parseDatabaseUrl` rejects a text, or `undefined` if it accepts the text. */
export const invalidUrlReason = (url: string): string | undefined => {
  try {
    parseDatabaseUrl(url)
    return undefined
  } catch (error) {
    return (error as TypeError).message
  }
}

/** Returns whether `parseDatabaseUrl` accepts a text. */
export const isDatabaseUrl = (url: string): boolean => invalidUrlReason(url) === undefined

/** Returns the name of a server for log lines and errors: `host:port`, `[::1]:5432` or the folder of its socket. */
export const nameOfHost = ({ host, port }: DatabaseHost): string => {
  if (isSocket(host)) return host
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}
