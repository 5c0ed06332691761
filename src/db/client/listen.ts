/**
 * Listens for notifications on a connection, and reconnects with growing delays. The `listen` of postgres.js reconnects without
 * a delay while the server rejects connections, for example because it is starting up or has too many connections. That causes
 * hundreds of attempts per second on a server that is already under load.
 */
import type postgres from 'postgres'
import { faultOf } from './errors.ts'
import type { Run } from './statements.ts'
import type { Listener } from './types.ts'

/**
 * Sends the payloads `$2` to the channel `$1`. By default, the commit of a transaction with `NOTIFY` waits for a disk sync. This
 * commit does not wait, because the service tolerates the loss of notifications in a crash.
 */
export const NOTIFY = `select set_config('synchronous_commit', 'off', true), pg_notify($1, payload)
  from unnest($2::text[]) as payload`

/** Adds `onnotify`, the callback for notifications. postgres.js accepts this option but doesn't declare it in its types. */
interface ListeningOptions extends postgres.Options<Record<string, postgres.PostgresType>> {
  readonly onnotify: (channel: string, payload: string) => void
}

export interface ListenOptions {
  /** Creates a postgres.js client. `options` override the connection options of the database. */
  readonly connect: (options: ListeningOptions) => postgres.Sql
  /** Runs a statement on a client that `connect` created. */
  readonly run: Run
  readonly channel: string
  readonly onPayload: (payload: string) => void
  /** Called after each `LISTEN`. Notifications that were sent before this call may have been missed. */
  readonly onListening: () => void
  /** Called with the error each time connecting or `LISTEN` fails. */
  readonly onFailure?: ((error: unknown) => void) | undefined
  /** The first and the longest delay before a reconnect, in milliseconds. The delay doubles with each failure. */
  readonly pauses?: { readonly first: number; readonly longest: number }
}

const PAUSES = { first: 20, longest: 5000 }

/**
 * Runs `LISTEN` on `channel`, and reconnects after each failure. Rejects if the first attempt fails, unless the server is
 * read-only. A standby, for example, rejects `LISTEN` but may be promoted later, so the attempt is repeated.
 */
export const listenOn = async ({
  connect,
  run,
  channel,
  pauses = PAUSES,
  onFailure = () => {},
  ...callbacks
}: ListenOptions): Promise<Listener> => {
  let isEnded = false
  let current: postgres.Sql | undefined
  /** The same client as `current`, once its `LISTEN` has succeeded. Undefined until then. */
  let listening: postgres.Sql | undefined
  let pause = pauses.first
  let timer: NodeJS.Timeout | undefined

  const listen = async (): Promise<void> => {
    const sql = connect({
      max: 1,
      idle_timeout: 0,
      max_lifetime: null,
      fetch_types: false,
      onnotify: (_, payload) => callbacks.onPayload(payload),
      onclose: () => lost(sql)
    })
    current = sql
    try {
      // Without this setting, the server might close the connection, because a connection that only listens is always idle.
      await sql.unsafe('set idle_session_timeout = 0')
      await sql.unsafe(`listen "${channel.replaceAll('"', '""')}"`)
    } catch (error) {
      onFailure(error)
      lost(sql)
      throw error
    }
    pause = pauses.first
    listening = sql
    callbacks.onListening()
  }

  const lost = (sql: postgres.Sql): void => {
    if (sql !== current) return
    current = listening = undefined
    sql.end({ timeout: 0 }).catch(() => {})
    scheduleRetry()
  }

  const scheduleRetry = (): void => {
    if (isEnded || timer) return
    // Adds jitter, so that the processes of a service don't reconnect at the same time.
    timer = setTimeout(
      () => {
        timer = undefined
        listen().catch(() => {})
      },
      pause * (0.5 + Math.random() / 2)
    )
    timer.unref()
    pause = Math.min(2 * pause, pauses.longest)
  }

  const end = async (): Promise<void> => {
    isEnded = true
    clearTimeout(timer)
    await current?.end({ timeout: 2 })
  }

  try {
    await listen()
  } catch (error) {
    if (faultOf(error) !== 'replace-connection') {
      await end()
      throw error
    }
  }
  const notify = async (payloads: readonly string[]): Promise<void> => {
    if (!listening) throw new Error('The listening connection is lost.')
    await run(listening, NOTIFY, [channel, payloads], listening.options.prepare !== false)
  }
  return { notify, end }
}
