/**
 * Listens for notifications on a connection, and reconnects with growing delays. The `listen` of postgres.js reconnects without a
 * delay while the server rejects connections (it is starting up, has too many connections, or the database was deleted): that is
 * hundreds of attempts per second on a server that is already under load.
 */
import type postgres from 'postgres'
import { faultOf } from './errors.ts'

/** Adds an option that postgres.js accepts and does not declare: a callback for notifications, which its own `listen` uses. */
interface ListeningOptions extends postgres.Options<Record<string, postgres.PostgresType>> {
  readonly onnotify: (channel: string, payload: string) => void
}

/** Configures what to listen to, and the callbacks. */
export interface ListenOptions {
  /** Creates a client of one connection, with these options in addition to its own. */
  readonly connect: (options: ListeningOptions) => postgres.Sql
  readonly channel: string
  readonly onPayload: (payload: string) => void
  /** Called each time it has connected: notifications sent before may have been missed. */
  readonly onListening: () => void
  /** Called with each failure to listen. */
  readonly onFailure?: ((error: unknown) => void) | undefined
  /** Sets the first and the longest delay, in milliseconds; each delay is up to twice the previous one. */
  readonly pauses?: { readonly first: number; readonly longest: number }
}

const PAUSES = { first: 20, longest: 5000 }

/**
 * Listens, on a new connection after each failure: a connection to a server that became a standby works but can't listen.
 * Resolves when it listens for the first time, and rejects if that fails; a server that is read-only now is retried. Returns a
 * function that ends it.
 */
export const listenOn = async ({
  connect,
  channel,
  pauses = PAUSES,
  onFailure = () => {},
  ...callbacks
}: ListenOptions) => {
  let isEnded = false
  let current: postgres.Sql | undefined
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
      // A connection that only listens is always idle.
      await sql.unsafe('set idle_session_timeout = 0')
      await sql.unsafe(`listen "${channel.replaceAll('"', '""')}"`)
    } catch (error) {
      onFailure(error)
      lost(sql)
      throw error
    }
    pause = pauses.first
    callbacks.onListening()
  }

  const lost = (sql: postgres.Sql): void => {
    if (sql !== current) return
    current = undefined
    sql.end({ timeout: 0 }).catch(() => {})
    scheduleRetry()
  }

  const scheduleRetry = (): void => {
    if (isEnded || timer) return
    // With jitter, so that the processes of a service don't reconnect at the same time.
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
  return end
}
