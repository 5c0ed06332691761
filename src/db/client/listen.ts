/**
 * A connection that listens for notifications, and is made again when it breaks, with growing pauses. postgres.js has a
 * `listen` of its own, which comes back at once and without end while the server answers with a refusal (it starts up, has
 * too many connections, the database is gone): hundreds of attempts a second against a server that has enough to do.
 */
import type postgres from 'postgres'
import { faultOf } from './errors.ts'

/** What postgres.js takes, and does not declare: it is told of each notification (its own `listen` stands on it). */
interface ListeningOptions extends postgres.Options<Record<string, postgres.PostgresType>> {
  readonly onnotify: (channel: string, payload: string) => void
}

/** What to listen to, and whom to tell. */
export interface ListenOptions {
  /** Makes the connection, of one only, with these options beside its own. */
  readonly connect: (options: ListeningOptions) => postgres.Sql
  readonly channel: string
  readonly onPayload: (payload: string) => void
  /** Called each time it listens: what was told before may have been missed. */
  readonly onListening: () => void
  /** Called with each failure to listen. */
  readonly onFailure?: ((error: unknown) => void) | undefined
  /** The first pause and the longest, in milliseconds; each is up to twice the one before. */
  readonly pauses?: { readonly first: number; readonly longest: number }
}

const PAUSES = { first: 20, longest: 5000 }

/**
 * Listens, on a new connection after each failure: a connection to a server that became a standby works, and can't listen.
 * Resolves when it listens for the first time, and rejects when that fails, unless only for a server that is read-only now:
 * then it is tried again. The returned function ends it.
 */
export const listenOn = async ({ connect, channel, pauses = PAUSES, onFailure = () => {}, ...tell }: ListenOptions) => {
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
      onnotify: (_, payload) => tell.onPayload(payload),
      onclose: () => lost(sql)
    })
    current = sql
    try {
      // A listener is idle by nature.
      await sql.unsafe('set idle_session_timeout = 0')
      await sql.unsafe(`listen "${channel.replaceAll('"', '""')}"`)
    } catch (error) {
      onFailure(error)
      lost(sql)
      throw error
    }
    pause = pauses.first
    tell.onListening()
  }

  const lost = (sql: postgres.Sql): void => {
    if (sql !== current) return
    current = undefined
    sql.end({ timeout: 0 }).catch(() => {})
    again()
  }

  const again = (): void => {
    if (isEnded || timer) return
    // At random, so that the processes of a service don't come back together.
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
