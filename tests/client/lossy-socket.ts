/** A `ws` socket that loses whole frames on request: what TCP never does, and buggy middlemen do. */
import { WebSocket } from 'ws'
import type { SocketConstructor } from '../../src/client/index.ts'

/** How many of a hundred frames are lost, in both directions. */
export interface Loss {
  percent: number
}

/** Never lost: the frames that say whether anyone is there. Without them nothing differs from a dead peer. */
const SPARED = /^\{"type":"(ping|pong|system)"/

/** The class of sockets that lose frames as `loss` says at the moment. */
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
