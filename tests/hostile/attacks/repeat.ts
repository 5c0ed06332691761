/** What all attacks do: many at once, again and again, until the time is over. */
import type { Socket } from 'node:net'
import type { Target } from '../attacks.ts'
import type { Account } from '../people.ts'
import { upgrade, write } from '../wire.ts'

const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))

/** Repeats `work` until the time is over. A failure is the service's defence: the next try comes a moment later. */
export const repeat = async ({ signal }: Target, work: () => Promise<void>): Promise<void> => {
  while (!signal.aborted) {
    await work().catch(() => pause(50))
    await pause(0)
  }
}

/** Does `work` on so many connections at once. */
export const parallel = async (count: number, work: (at: number) => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: count }, (_, at) => work(at)))
}

/** One of the hostile people. */
export const someone = ({ accounts }: Target, at: number): Account => {
  const account = accounts[at % accounts.length]
  if (!account) throw new Error('an attack needs accounts')
  return account
}

/** Writes to WebSockets as fast as they take it; one that the service closes is opened again. */
export const flood =
  (sockets: number, bytes: () => Buffer, path?: string) =>
  async (target: Target): Promise<void> => {
    const data = bytes()
    await parallel(sockets, at =>
      repeat(target, async () => {
        const socket = await upgrade(target.port, someone(target, at).token, path)
        await hammer(target, socket, data)
        socket.destroy()
        await pause(20)
      })
    )
  }

const hammer = async ({ signal }: Target, socket: Socket, data: Buffer): Promise<void> => {
  while (!signal.aborted && !socket.destroyed) {
    await write(socket, data, signal)
    await pause(0)
  }
}
