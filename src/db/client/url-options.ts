/** Converts a database URL and the TLS settings to options of postgres.js, so that postgres.js doesn't parse the URL itself. */
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type postgres from 'postgres'
import { type DatabaseHost, type DatabaseUrl, isSocket, type SslMode } from '../../lib/database-url.ts'
import { version } from '../../lib/package.ts'

export interface TlsOptions {
  /** Overrides the URL's `sslmode`. */
  readonly ssl?: SslMode | undefined
  /** The certificate of the certificate authority, in PEM format. */
  readonly ca?: string | undefined
}

const CONNECT_SECONDS = 5

/** The options of postgres.js without `host` and `port`, whose types allow only one host. */
export type ConnectionOptions = Omit<postgres.Options<Record<string, postgres.PostgresType>>, 'host' | 'port'>

/**
 * Returns a function that accepts a certificate if it is valid for one of the hosts in the URL. Node's own check is not
 * sufficient: postgres.js passes no server name for an IP address, and Node would then check the certificate for `localhost`.
 */
const checkHosts =
  (hosts: readonly string[]) =>
  (_: string, certificate: PeerCertificate): Error | undefined => {
    const errors = hosts.map(host => checkServerIdentity(host, certificate))
    return errors.includes(undefined) ? undefined : errors[0]
  }

const tls = (mode: SslMode, ca: string | undefined, hosts: readonly string[]): false | 'prefer' | object => {
  if (mode === 'disable') return false
  if (mode === 'allow' || mode === 'prefer') return 'prefer'
  const authority = ca === undefined ? {} : { ca }
  if (mode === 'require') return { rejectUnauthorized: false, ...authority }
  // Without an authority of its own, `verify-ca` would accept every certificate of a public authority, for any host.
  const isNameFree = mode === 'verify-ca' && ca !== undefined
  const identity = isNameFree ? () => undefined : checkHosts(hosts)
  return { rejectUnauthorized: true, ...authority, checkServerIdentity: identity }
}

/**
 * Returns the TLS option. As in libpq, a connection over a Unix socket does not use TLS. postgres.js has one option for all
 * hosts, so a list of both kinds cannot require TLS. With `prefer`, the server declines TLS over a socket. Throws a TypeError
 * for such a list.
 */
const tlsOf = (hosts: readonly DatabaseHost[], mode: SslMode, ca: string | undefined): false | 'prefer' | object => {
  const names = hosts.map(({ host }) => host)
  if (names.every(isSocket)) return false
  const option = tls(mode, ca, names)
  if (typeof option === 'object' && names.some(isSocket))
    throw new TypeError(
      'A list of hosts in the database URL contains Unix sockets, and the other hosts require TLS, which is not supported. Remove the sockets or the other hosts from the list.'
    )
  return option
}

/**
 * Returns the host and port for postgres.js, which passes both to `connect` of `net.Socket`. There, a path in place of the port
 * is that of a Unix socket. The option `path` of postgres.js would replace all hosts of a list.
 */
const addressOf = ({ host, port }: DatabaseHost): { host: string; port: number | string } => {
  if (!isSocket(host)) return { host, port }
  const path = `${host}/.s.PGSQL.${port}`
  return { host: path, port: path }
}

/**
 * Returns the connection options. The only session setting among them is `application_name`. `urlSettings` returns the other
 * session settings in the URL.
 */
export const connectionOptions = (url: DatabaseUrl, { ssl, ca }: TlsOptions): ConnectionOptions => {
  const { hosts, user, password, database, parameters } = url
  const addresses = hosts.map(addressOf)
  const attributes = parameters.target_session_attrs
  return {
    // The types of postgres.js don't allow several hosts. The spread avoids a type error.
    ...{ host: addresses.map(({ host }) => host), port: addresses.map(({ port }) => port) },
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ssl: tlsOf(hosts, ssl ?? url.sslmode ?? 'disable', ca),
    connect_timeout: Number(parameters.connect_timeout) || CONNECT_SECONDS,
    keep_alive: 15,
    // With only one server, the check of `target_session_attrs` would only delay the connection. postgres.js accepts a standby as
    // `read-write`, because it only checks whether transactions are read-only by default. libpq does not accept it.
    ...(hosts.length > 1 && attributes && attributes !== 'any'
      ? { target_session_attrs: attributes === 'read-write' ? 'primary' : (attributes as 'primary') }
      : {}),
    connection: {
      application_name: parameters.application_name ?? `fastify-chat/${version}`,
      // `options` may also contain values for the proxy of a hosting provider. Everything in `options` except session settings
      // is passed on.
      ...(otherOptions(parameters.options) ? { options: otherOptions(parameters.options) } : {})
    }
  }
}

const OPTION = /(?:^|\s)(?:-c\s*|--)([\w.-]+)=((?:\\.|[^\s\\])*)/g
const otherOptions = (options = ''): string => options.replace(OPTION, '').trim()

const USED = ['application_name', 'connect_timeout', 'target_session_attrs', 'options', 'client_encoding']

/**
 * Returns the session settings in a URL, keyed by lower-case name: the parameters that are not connection options, and the
 * settings in `options=-c name=value`.
 */
export const urlSettings = ({ parameters }: DatabaseUrl): Record<string, string> => {
  const fromOptions = [...(parameters.options ?? '').matchAll(OPTION)].map(([, name = '', value = '']) => [
    name.replaceAll('-', '_'),
    value.replace(/\\(.)/g, '$1')
  ])
  const others = Object.entries(parameters).filter(([name]) => !USED.includes(name))
  return Object.fromEntries([...others, ...fromOptions].map(([name = '', value = '']) => [name.toLowerCase(), value]))
}
