/** Uses PostgreSQL to send the payloads that Redis did not confirm, so that few events are lost when Redis fails. */

export interface Unconfirmed {
  add(payload: string): void
  /** Resolves when every payload was sent or has failed. */
  idle(): Promise<void>
}

export interface UnconfirmedOptions {
  readonly send: (payloads: readonly string[]) => Promise<void>
  readonly onFailure?: ((error: unknown) => void) | undefined
}

/** Maximum number of queued payloads. Further payloads are dropped, because other processes find the changes when they poll. */
const MAX_PAYLOADS = 1000
const PER_QUERY = 64

/** Creates the sender, which runs one query at a time. */
export const createUnconfirmed = ({ send, onFailure = () => {} }: UnconfirmedOptions): Unconfirmed => {
  const payloads: string[] = []
  let sending: Promise<void> | undefined

  const sendAll = async (): Promise<void> => {
    // If a connection is lost, all of its unconfirmed payloads fail in the same turn of the event loop. Waits for the end of
    // the current synchronous code, so that one query sends many of them.
    await undefined
    while (payloads.length > 0) await send(payloads.splice(0, PER_QUERY)).catch(onFailure)
    sending = undefined
  }

  return {
    add(payload) {
      if (payloads.length >= MAX_PAYLOADS) return
      payloads.push(payload)
      sending ??= sendAll()
    },
    idle: async () => sending
  }
}
