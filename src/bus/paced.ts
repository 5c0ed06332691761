/** Collects the announcements and events of one process, and sends them together over a transport. */
import { type Clock, systemClock } from '../lib/clock.ts'
import { withTimeout } from '../lib/timeout.ts'
import type { Bus } from './bus.ts'
import { createOutbox, deliver } from './envelope.ts'
import type { Transport } from './transport.ts'

export interface PacingOptions {
  /**
   * Called with the error each time sending fails. The send is not retried, because other processes find the changes when they
   * poll.
   */
  readonly onFailure?: (error: unknown) => void
  readonly clock?: Clock
  /** Minimum time in milliseconds between two sends. Announcements and events within this time are sent together. */
  readonly gatherMs?: number
}

/** Timeout in milliseconds for `close` to send the queued items. */
const CLOSE_TIMEOUT_MS = 1000

/**
 * Creates the bus of one process. Only one send is in progress at a time. Anything that is published during a send is part of the
 * next send.
 */
export const createPacedBus = (
  transport: Transport,
  { onFailure = () => {}, clock = systemClock, gatherMs = 3 }: PacingOptions
): Bus => {
  const { processId } = transport
  const outbox = createOutbox(processId)
  // A payload that begins with this text is from this process. Such a payload is ignored, so it is not parsed.
  const ours = JSON.stringify({ from: processId }).slice(0, -1)
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let earliest = 0
  let sending: Promise<void> | undefined

  const send = async (): Promise<void> => {
    timer = undefined
    earliest = clock.monotonic() + gatherMs
    // Waits until the current synchronous code has ended, so that all notifications of this code are sent together.
    await undefined
    try {
      await transport.send(outbox.take())
    } catch (error) {
      onFailure(error)
    }
    sending = undefined
    schedule()
  }
  const begin = (): void => {
    sending = send()
  }
  const schedule = (): void => {
    if (timer || sending || isClosed || outbox.isEmpty || !transport.isOpen) return
    const ms = earliest - clock.monotonic()
    // A timer takes at least a millisecond, even with a delay of 0.
    if (ms <= 0) return begin()
    timer = setTimeout(begin, ms)
    timer.unref()
  }

  const sendRest = async (): Promise<void> => {
    await sending
    while (transport.isOpen && !outbox.isEmpty) await transport.send(outbox.take())
  }

  return {
    processId,
    ...(transport.announcement ? { announcement: transport.announcement } : {}),
    ...(transport.stats ? { stats: () => transport.stats?.() ?? [] } : {}),
    announce(roomId, seq) {
      outbox.announce(roomId, seq)
      schedule()
    },
    publish(event) {
      const fits = outbox.publish(event)
      if (fits) schedule()
      return fits
    },
    msSinceHeartbeat: () => transport.msSinceHeartbeat(),
    async listen(listener) {
      await transport.listen({
        receive(payload) {
          if (!payload.startsWith(ours)) deliver(payload, listener, processId)
        },
        reset: () => listener.reset()
      })
      schedule()
    },
    async close() {
      isClosed = true
      transport.drain()
      clearTimeout(timer)
      timer = undefined
      // An unreachable server must not delay a shutdown. Other processes find unsent changes when they poll.
      await withTimeout(CLOSE_TIMEOUT_MS, 'the bus', sendRest()).catch(onFailure)
      clearTimeout(timer)
      await transport.close()
    }
  }
}
