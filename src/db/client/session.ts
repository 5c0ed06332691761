/**
 * Defines the session settings that the service depends on. They are set explicitly, because an administrator may change the
 * defaults of a database or a role. A direct connection sends the settings as startup parameters. A pooler may reject startup
 * parameters, and gives the session to other clients between transactions. So behind a pooler, each transaction applies the
 * settings.
 */

/**
 * Runs a statement and returns its rows as arrays. `pid` is the process id that the server sent when the connection was opened.
 */
export type Run = (text: string, params: readonly unknown[]) => Promise<{ rows: unknown[][]; pid: number | null }>

type Settings = Readonly<Record<string, string>>

/** Timeout in milliseconds for a statement. A statement that takes longer might keep a room locked, or a request waiting. */
const STATEMENT_MS = 10_000
const LOCK_MS = 8_000

/**
 * The required settings, keyed by lower-case name. `default_transaction_read_only` is not among them, because an administrator
 * who sets it wants the database to be read-only.
 */
const NEEDED: Settings = {
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  statement_timeout: String(STATEMENT_MS),
  lock_timeout: String(LOCK_MS),
  idle_in_transaction_session_timeout: '10000',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '1',
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  synchronous_commit: 'on'
}

/**
 * Maps a setting to a function that returns whether a value in the session of a host's client is acceptable. For a setting that
 * is not listed, every value is acceptable.
 */
const ACCEPTED: Readonly<Record<string, (value: string) => boolean>> = {
  default_transaction_isolation: value => value === 'read committed',
  statement_timeout: value => value === '0' || Number(value) >= STATEMENT_MS,
  lock_timeout: value => value === '0' || Number(value) >= LOCK_MS,
  transaction_timeout: value => value === '0' || Number(value) >= STATEMENT_MS,
  extra_float_digits: value => Number(value) >= 1,
  array_nulls: value => value === 'on',
  standard_conforming_strings: value => value === 'on',
  synchronous_commit: value => value !== 'off'
}

/** The result of inspecting a connection. */
export interface Session {
  /**
   * True if `pg_backend_pid()` differs from the `pid` that was sent when the connection was opened, or if that `pid` is
   * unknown. A difference shows that a pooler is between this process and the server. Clients of a pooler share sessions, so
   * statements must not be prepared. With PGlite, `pid` is always unknown, and this field is ignored.
   */
  readonly isPooled: boolean
  /** The settings to apply. Contains only settings that this server supports. */
  readonly settings: Settings
  /** True if the session already has acceptable values for all settings, so that no setting has to be applied. */
  readonly isAcceptable: boolean
  /** The names of settings from the URL that the server does not support. */
  readonly unknown: readonly string[]
}

/** Inspects a connection and its server. `wanted` contains the settings from the URL, keyed by lower-case name. */
export const inspectSession = async (run: Run, wanted: Settings = {}): Promise<Session> => {
  const names = [...Object.keys(NEEDED), ...Object.keys(wanted)]
  // `pg_settings` does not contain `role`, which any user may set.
  const { rows, pid } = await run(
    `select pg_backend_pid()::text, lower(name), setting from pg_settings
     where lower(name) = any($1::text[]) and context in ('user', 'superuser')
     union all
     select pg_backend_pid()::text, 'role', '' where 'role' = any($1::text[])`,
    [names]
  )
  const current = new Map(rows.map(([, name, value]) => [String(name), String(value)]))
  // A name with a dot is defined by an extension or an administrator. The server accepts any such name.
  const isKnown = (name: string): boolean => current.has(name) || name.includes('.')
  const all = { ...wanted, ...NEEDED, ...durability(current.get('synchronous_commit')) }
  return {
    isPooled: Number(rows[0]?.[0]) !== pid,
    settings: Object.fromEntries(Object.entries(all).filter(([name]) => isKnown(name))),
    isAcceptable: [...current].every(([name, value]) => ACCEPTED[name]?.(value) ?? true),
    unknown: Object.keys(wanted).filter(name => !isKnown(name))
  }
}

/**
 * Returns `synchronous_commit` with a value that guarantees that an acknowledged message is on disk. Replaces only `off`. The
 * other values determine which replicas must have the message, and that is the administrator's decision.
 */
const durability = (current = 'on'): Settings => ({ synchronous_commit: current === 'off' ? 'on' : current })

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Returns the statements that apply settings to the current transaction or the session. Returns an empty string if `settings`
 * is empty.
 */
export const statementsThatSet = (settings: Settings, scope: 'local' | 'session'): string =>
  Object.entries(settings)
    // The required settings use `SET`, which, unlike a query, takes no snapshot. The settings from the URL use `set_config`,
    // because `SET` would treat a quoted list, such as a `search_path`, as one name.
    .map(([name, value]) =>
      name in NEEDED
        ? `set ${scope} ${name} to ${literal(value)}`
        : `select set_config(${literal(name)}, ${literal(value)}, ${scope === 'local'})`
    )
    .join('; ')
