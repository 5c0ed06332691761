/** Provides a `ws` socket that loses complete frames. TCP never does that, but faulty proxies do. */
import { WebSocket } from 'ws'
import type { SocketConstructor } from '../../client/src/index.ts'

/** The percentage of frames that are lost, in both directions. */
export interface Loss {
  percent: number
}

/**
 * Matches frames that are never lost. If pings, pongs or the first frame (of the type `system`) were lost, the client would close
 * the connection. Other faults already test closed connections.
 */
const SPARED = /^\{"type":"(ping|pong|system)"/

/** Returns a WebSocket constructor whose sockets lose the current percentage of frames. */
export const lossySocket = (loss: Loss, random: () => number): SocketConstructor => {
  const isLost = (text: string): boolean => !SPARED.test(text) && random() * 100 < loss.percent

  return class extends WebSocket {
    override send(text: string): void {
      if (!isLost(text)) super.send(text)
    }

    override emit(event: string | symbol, ...values: unknown[]): boolean {
      return event === 'message' && isLost(String(values[0])) ? false : super.emit(event, ...values)
    }
  } as unknown as SocketConstructor
}
