/** Sends over PostgreSQL what Redis did not confirm, so that no event is lost when Redis fails. */

export interface Unconfirmed {
  add(payload: string): void
  /** Resolves when everything was sent or has failed. */
  idle(): Promise<void>
}

export interface UnconfirmedOptions {
  readonly send: (payloads: readonly string[]) => Promise<void>
  readonly onFailure?: ((error: unknown) => void) | undefined
}

/** Maximum number of payloads that wait. What exceeds it is dropped, because other processes poll. */
const MAX_PAYLOADS = 1000
const PER_QUERY = 64

/** Sends one query at a time. */
export const createUnconfirmed = ({ send, onFailure = () => {} }: UnconfirmedOptions): Unconfirmed => {
  const payloads: string[] = []
  let sending: Promise<void> | undefined

  const sendAll = async (): Promise<void> => {
    // The payloads of a connection fail in the same turn.
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
