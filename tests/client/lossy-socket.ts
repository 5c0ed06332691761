/** Provides a `ws` socket that loses complete frames. TCP never does that, but faulty proxies do. */
import { WebSocket } from 'ws'
import type { SocketConstructor } from '../../client/src/index.ts'
import type { SeenFrame } from '../chaos/rights.ts'

/** The percentage of frames that are lost, in both directions. */
export interface Loss {
  percent: number
}

/**
 * Matches frames that are never lost. If pings, pongs or the first frame (of the type `system`) were lost, the client would
 * close the connection. Other faults already test closed connections. Read marks and changes of the inbox have no sequence
 * numbers, so a client could not detect their loss.
 */
const SPARED = /^\{"type":("(ping|pong|system|read)"|"inbox","(rooms|removed|total)")/

/**
 * Returns a WebSocket constructor whose sockets lose the current percentage of frames, and send some frames twice. Each socket
 * adds a list to `connections`. The list contains all frames that the service sent, including the lost ones.
 */
export const lossySocket = (loss: Loss, random: () => number, connections: SeenFrame[][]): SocketConstructor => {
  const isLost = (text: string): boolean => !SPARED.test(text) && random() * 100 < loss.percent

  return class extends WebSocket {
    readonly #frames: SeenFrame[] = []

    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      connections.push(this.#frames)
    }

    override send(text: string): void {
      if (isLost(text)) return
      super.send(text)
      // Sends the frame twice, like a client that resends a message with the same nonce because its acknowledgement is late.
      if (loss.percent > 0 && text.includes('"nonce"')) super.send(text)
    }

    override emit(event: string | symbol, ...values: unknown[]): boolean {
      if (event !== 'message') return super.emit(event, ...values)
      const text = String(values[0])
      const { type, room, seq } = JSON.parse(text) as SeenFrame
      this.#frames.push({ type, ...(room === undefined ? {} : { room }), ...(seq === undefined ? {} : { seq }) })
      return isLost(text) ? false : super.emit(event, ...values)
    }
  } as unknown as SocketConstructor
}
