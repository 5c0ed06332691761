/** The settings of the database. Separate settings can be used instead of a URL. */
import { invalidUrlReason } from '../../lib/database-url.ts'
import { flag, integer, oneOf, optional, ownedBy, text } from './define.ts'

/** Returns what is wrong with a URL that cannot be parsed. */
const problemsOf = (value: unknown): string[] => {
  const url = String(value)
  const reason = url.startsWith('pglite:') ? undefined : invalidUrlReason(url)
  return reason === undefined ? [] : [`cannot be used. ${reason.replace(/\.$/, '')}`]
}

/** The database of `fastify-chat dev` if no setting selects a database. */
export const DEV_DATABASE_URL = 'pglite:.data/chat'

/** The settings that are combined into a URL if `databaseUrl` is not set. */
export const databaseParts = ownedBy('config', {
  databaseHost: optional(
    text({
      description:
        'A host name, an IP address, or the directory of a Unix socket such as `/run/postgresql`. Set the host, name, user and password, or `DATABASE_URL`.',
      example: '127.0.0.1'
    })
  ),
  databasePort: integer(5432, {
    minimum: 1,
    maximum: 65_535,
    description: 'The port of the PostgreSQL server.',
    example: '5432'
  }),
  databaseName: optional(text({ description: 'The name of the database.', example: 'chat' })),
  databaseUser: optional(text({ description: 'The role that the service logs in as.', example: 'chat' })),
  databasePassword: optional(
    text({ description: 'The password of `DATABASE_USER`. Optional over a Unix socket.', example: '' })
  )
})

export const databaseSettings = ownedBy('db', {
  databaseUrl: optional(
    text({
      pattern: '^(postgres(ql)?://\\S+|pglite:.+)$',
      'x-rule': 'must be postgres://USER:PASSWORD@HOST:PORT/NAME, or pglite:DIR for the embedded database',
      description:
        '`postgres://USER:PASSWORD@HOST:PORT/NAME`, or `pglite:DIR` for the embedded database. Required unless the parts above are set; takes precedence over them.',
      check: problemsOf
    })
  ),
  databaseSchema: text({
    default: 'public',
    pattern: '^(?!pg_)[a-z_][a-z0-9_]{0,62}$',
    'x-rule': 'must be 1-63 characters of a-z, 0-9 and "_", and must not begin with a digit or "pg_"',
    description: 'The schema of all tables. Several instances, or your own application, can share a database.'
  }),
  databaseSsl: optional(
    oneOf(['disable', 'require', 'verify-ca', 'verify-full'], {
      description:
        '`require` encrypts the connection; `verify-ca` also verifies the authority of the certificate, and `verify-full` also the name of the server. Without `DATABASE_CA`, `verify-ca` is `verify-full`. Takes precedence over the `sslmode` of both URLs.',
      derived: "the URL's `sslmode`"
    })
  ),
  databaseCa: optional(
    text({
      pattern: '-----BEGIN CERTIFICATE-----',
      'x-rule': 'must be a certificate in PEM',
      description:
        'The certificate authority for `verify-ca` and `verify-full`, in PEM. Usually set as a file: `DATABASE_CA_FILE=/path/ca.pem`.'
    })
  ),
  databasePoolMax: integer(10, {
    minimum: 1,
    maximum: 1000,
    unit: 'connections',
    description: 'The maximum number of connections per process, not counting the connection for notifications.'
  }),
  databaseListenUrl: optional(
    text({
      pattern: '^postgres(ql)?://\\S+$',
      'x-rule': 'must be a postgres:// URL',
      description:
        'The URL of a direct connection for notifications between processes. Needed if `DATABASE_URL` leads to a transaction pooler. The user, password, database and `sslmode` that it lacks are those of `DATABASE_URL`.',
      check: problemsOf
    })
  ),
  databaseWaitSeconds: integer(10, {
    maximum: 3600,
    unit: 'seconds',
    description: 'How long to wait at the start for a database that cannot be reached.'
  }),
  migrateOnStart: flag(true, {
    description: 'Whether to apply pending migrations at the start. If `false`, run `fastify-chat migrate up` before.'
  })
})
