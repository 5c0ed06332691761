/** Declares the members of a `ws` socket that a connection uses. */
import type { WritableSocket } from './outgoing.ts'

export interface Socket extends WritableSocket {
  ping(): void
  pause(): void
  resume(): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown
  on(event: 'pong' | 'ping', listener: () => void): unknown
  on(event: 'close', listener: (code: number) => void): unknown
}
