/**
 * A connection that listens for notifications, and is made again when it breaks, with growing pauses. postgres.js has a
 * `listen` of its own, which comes back at once and without end while the server answers with a refusal (it starts up, has
 * too many connections, the database is gone): hundreds of attempts a second against a server that has enough to do.
 */
import type postgres from 'postgres'

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
  /** The first pause and the longest, in milliseconds; each is up to twice the one before. */
  readonly pauses?: { readonly first: number; readonly longest: number }
}

const PAUSES = { first: 20, longest: 5000 }

/** Listens; resolves when it does for the first time, and rejects when that fails. The returned function ends it. */
export const listenOn = async ({ connect, channel, pauses = PAUSES, ...tell }: ListenOptions) => {
  let isEnded = false
  let isListening = false
  let pause = pauses.first
  let timer: NodeJS.Timeout | undefined

  const sql = connect({
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false,
    onnotify: (_, payload) => tell.onPayload(payload),
    onclose: () => {
      isListening = false
      again()
    }
  })

  const listen = async (): Promise<void> => {
    await sql.unsafe(`listen "${channel.replaceAll('"', '""')}"`)
    isListening = true
    pause = pauses.first
    tell.onListening()
  }

  const again = (): void => {
    if (isEnded || timer || isListening) return
    // At random, so that the processes of a service don't come back together.
    timer = setTimeout(
      () => {
        timer = undefined
        listen().catch(again)
      },
      pause * (0.5 + Math.random() / 2)
    )
    timer.unref()
    pause = Math.min(2 * pause, pauses.longest)
  }

  const end = async (): Promise<void> => {
    isEnded = true
    clearTimeout(timer)
    await sql.end({ timeout: 2 })
  }

  try {
    await listen()
    return end
  } catch (error) {
    await end()
    throw error
  }
}
