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
  /**
   * The parameter `sslmode`, if libpq supports its value. If a URL has the parameter `ssl` instead, with a value other than
   * `false`, this is `require`.
   */
  readonly sslmode: SslMode | undefined
  /** The remaining parameters. */
  readonly parameters: Readonly<Record<string, string>>
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

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
  if (!match)
    throw new TypeError('The database URL is not valid. Use the form postgres://user:password@host:port/database.')
  const [, userinfo = '', authority = '', path = '', query = ''] = match
  const { host, port, user, password, dbname, sslmode, ssl, ...parameters } = Object.fromEntries(
    new URLSearchParams(query)
  )
  const at = userinfo.indexOf(':')
  const decoded = (text: string | undefined) => (text ? decodeURIComponent(text) : undefined)
  return {
    hosts: hostsOf(host === undefined ? authority.split(',').map(decodeHost) : host.split(','), port),
    user: user ?? decoded(at < 0 ? userinfo : userinfo.slice(0, at)),
    password: password ?? decoded(at < 0 ? undefined : userinfo.slice(at + 1)),
    database: dbname ?? decoded(path),
    // The URLs of some drivers contain `ssl=true` instead of `sslmode`.
    sslmode: SSL_MODES.find(mode => mode === sslmode) ?? (ssl === undefined || ssl === 'false' ? undefined : 'require'),
    parameters
  }
}

/**
 * Decodes a host. If the host is the folder of a Unix socket with a port, returns the path of the socket's file: for example,
 * `/run/.s.PGSQL.5433` for `%2Frun:5433`.
 */
const decodeHost = (entry: string): string => {
  const [, folder, port] = /^(%2F.*?)(?::(\d+))?$/i.exec(entry) ?? []
  if (folder === undefined) return decodeURIComponent(entry)
  return `${decodeURIComponent(folder)}${port ? `/.s.PGSQL.${port}` : ''}`
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

/** Returns whether `parseDatabaseUrl` accepts a text. */
export const isDatabaseUrl = (url: string): boolean => {
  try {
    return parseDatabaseUrl(url).hosts.length > 0
  } catch {
    return false
  }
}

/** Returns the name of a server for log lines and errors: `host:port`, `[::1]:5432` or the folder of its socket. */
export const nameOfHost = ({ host, port }: DatabaseHost): string => {
  if (isSocket(host)) return host
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}
