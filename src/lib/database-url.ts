/**
 * Reads a PostgreSQL connection URL as libpq does: several hosts, IPv6, Unix sockets, and a host, port, user, password or
 * database among its parameters. `URL` refuses some of these forms, and drivers differ in the rest.
 */
import { isIPv6 } from 'node:net'

/** One server: a host name or an address without brackets, or the folder of a Unix socket. */
export interface DatabaseHost {
  readonly host: string
  readonly port: number
}

/** A URL's parts, decoded. */
export interface DatabaseUrl {
  /** At least one. */
  readonly hosts: readonly DatabaseHost[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  /** `sslmode`, when it is one that libpq has. */
  readonly sslmode: SslMode | undefined
  /** The other parameters. */
  readonly parameters: Readonly<Record<string, string>>
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

const URL_FORM = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const DEFAULT_PORT = 5432

/** Whether a host is the folder of a Unix socket. */
export const isSocket = (host: string): boolean => host.startsWith('/')

/** Returns the parts. Throws a TypeError, without any part in it, for what is no URL of a database. */
export const parseDatabaseUrl = (url: string): DatabaseUrl => {
  const match = URL_FORM.exec(url)
  if (!match) throw new TypeError('not a postgres:// URL')
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
    // `ssl=true` is what other drivers' URLs have.
    sslmode: SSL_MODES.find(mode => mode === sslmode) ?? (ssl === undefined || ssl === 'false' ? undefined : 'require'),
    parameters
  }
}

/** Decodes the host and leaves the port: a socket's folder has no port of its own. */
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
  if (!host && entry) throw new TypeError('a host that can not be read')
  const isBracketed = host.startsWith('[')
  if (isBracketed && !isIPv6(host.slice(1, -1))) throw new TypeError('brackets around what is no IPv6 address')
  return { host: isBracketed ? host.slice(1, -1) : host || 'localhost', port: portOf(own || port) }
}

/** A socket may be named by its folder, or by its file, which has the port in its name. */
const fromSocketFile = (host: DatabaseHost): DatabaseHost => {
  const [, folder, port] = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(host.host) ?? []
  return folder === undefined ? host : { host: folder || '/', port: portOf(port) }
}

const portOf = (text: string | undefined): number => {
  if (!text) return DEFAULT_PORT
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new TypeError('a port that is none')
}

/** Whether `parseDatabaseUrl` reads it. */
export const isDatabaseUrl = (url: string): boolean => {
  try {
    return parseDatabaseUrl(url).hosts.length > 0
  } catch {
    return false
  }
}

/** Returns how messages name a server: `host:port`, `[::1]:5432` or the folder of its socket. Never a password. */
export const nameOfHost = ({ host, port }: DatabaseHost): string => {
  if (isSocket(host)) return host
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}
