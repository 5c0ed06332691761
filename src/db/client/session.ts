/**
 * The session settings that the service depends on, in one place: an administrator may have other defaults for a database or
 * a role. They are startup parameters where the server is reached directly. Behind a pooler startup parameters are refused
 * and settings do not stay with a client, so there each transaction sets them for itself.
 */

/** Runs a statement; returns its rows as arrays, and the process id that the server gave when it was connected to. */
export type Run = (text: string, params: readonly unknown[]) => Promise<{ rows: unknown[][]; pid: number | null }>

type Settings = Readonly<Record<string, string>>

/** No statement takes so long: a stalled process must not keep a room's lock, nor a stalled database a request. */
const STATEMENT_MS = 10_000
const LOCK_MS = 8_000

/** Values by lower-case name. `default_transaction_read_only` is left alone: whoever sets it means it. */
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

/** What a session that is not ours may have instead. */
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

/** What was learned about the way to a server. */
export interface Session {
  /** Whether a pooler is between us and the server: then sessions are not ours, and statements not prepared. */
  readonly isPooled: boolean
  /** The settings to have, those that this server knows. */
  readonly settings: Settings
  /** Whether a session has acceptable settings by itself. */
  readonly isAcceptable: boolean
  /** Wanted settings that the server does not know. */
  readonly unknown: readonly string[]
}

/** Asks the server, over any connection. `wanted` are settings from the URL, by lower-case name. */
export const inspectSession = async (run: Run, wanted: Settings = {}): Promise<Session> => {
  const names = [...Object.keys(NEEDED), ...Object.keys(wanted)]
  const { rows, pid } = await run(
    `select pg_backend_pid()::text, lower(name), setting from pg_settings
     where lower(name) = any($1::text[]) and context in ('user', 'superuser')`,
    [names]
  )
  const current = new Map(rows.map(([, name, value]) => [String(name), String(value)]))
  // A name with a dot is an extension's or the administrator's own; the server takes any.
  const isKnown = (name: string): boolean => current.has(name) || name.includes('.')
  const all = { ...wanted, ...NEEDED, ...durability(current.get('synchronous_commit')) }
  return {
    isPooled: Number(rows[0]?.[0]) !== pid,
    settings: Object.fromEntries(Object.entries(all).filter(([name]) => isKnown(name))),
    isAcceptable: [...current].every(([name, value]) => ACCEPTED[name]?.(value) ?? true),
    unknown: Object.keys(wanted).filter(name => !isKnown(name))
  }
}

/** An acknowledged message is on the disk. Which replicas have it too is the administrator's choice. */
const durability = (current = 'on'): Settings => ({ synchronous_commit: current === 'off' ? 'on' : current })

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Returns the statements that set them, for the current transaction or the session. Empty where there is nothing to set. */
export const statementsThatSet = (settings: Settings, scope: 'local' | 'session'): string =>
  Object.entries(settings)
    // `set` takes no snapshot; but it would read the URL's lists, such as a search path, as one name.
    .map(([name, value]) =>
      name in NEEDED
        ? `set ${scope} ${name} to ${literal(value)}`
        : `select set_config(${literal(name)}, ${literal(value)}, ${scope === 'local'})`
    )
    .join('; ')
