/**
 * Defines the session settings that the service depends on, because an administrator may change the defaults of a database or a
 * role. On a direct connection they are startup parameters. A pooler rejects startup parameters and does not keep settings with
 * a client, so there each transaction sets them.
 */

/** Runs a statement; returns its rows as arrays, and the process id that the server sent when the connection was opened. */
export type Run = (text: string, params: readonly unknown[]) => Promise<{ rows: unknown[][]; pid: number | null }>

type Settings = Readonly<Record<string, string>>

/** Limits each statement: a stalled process must not keep the lock of a room, nor a stalled database a request. */
const STATEMENT_MS = 10_000
const LOCK_MS = 8_000

/** Maps settings by lower-case name. `default_transaction_read_only` is missing, because an administrator sets it on purpose. */
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

/** Maps settings to what a session that is not ours may have instead. */
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

/** Describes the connection to a server. */
export interface Session {
  /** Is true if there is a pooler in front of the server: then sessions are shared, and statements are not prepared. */
  readonly isPooled: boolean
  /** Holds the settings to apply, of those that this server supports. */
  readonly settings: Settings
  /** Is true if a session has acceptable settings already. */
  readonly isAcceptable: boolean
  /** Lists requested settings that the server does not support. */
  readonly unknown: readonly string[]
}

/** Inspects the server over any connection. `wanted` are settings from the URL, by lower-case name. */
export const inspectSession = async (run: Run, wanted: Settings = {}): Promise<Session> => {
  const names = [...Object.keys(NEEDED), ...Object.keys(wanted)]
  const { rows, pid } = await run(
    `select pg_backend_pid()::text, lower(name), setting from pg_settings
     where lower(name) = any($1::text[]) and context in ('user', 'superuser')`,
    [names]
  )
  const current = new Map(rows.map(([, name, value]) => [String(name), String(value)]))
  // A name with a dot belongs to an extension or the administrator; the server accepts any.
  const isKnown = (name: string): boolean => current.has(name) || name.includes('.')
  const all = { ...wanted, ...NEEDED, ...durability(current.get('synchronous_commit')) }
  return {
    isPooled: Number(rows[0]?.[0]) !== pid,
    settings: Object.fromEntries(Object.entries(all).filter(([name]) => isKnown(name))),
    isAcceptable: [...current].every(([name, value]) => ACCEPTED[name]?.(value) ?? true),
    unknown: Object.keys(wanted).filter(name => !isKnown(name))
  }
}

/** Returns the setting by which an acknowledged message is on the disk. The administrator decides which replicas must have it too. */
const durability = (current = 'on'): Settings => ({ synchronous_commit: current === 'off' ? 'on' : current })

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Returns the statements that apply settings to the current transaction or the session; empty if there are none. */
export const statementsThatSet = (settings: Settings, scope: 'local' | 'session'): string =>
  Object.entries(settings)
    // `set` takes no snapshot, but it would read a list from the URL, such as a search path, as one name.
    .map(([name, value]) =>
      name in NEEDED
        ? `set ${scope} ${name} to ${literal(value)}`
        : `select set_config(${literal(name)}, ${literal(value)}, ${scope === 'local'})`
    )
    .join('; ')
