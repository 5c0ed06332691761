/** Functions that attacks share: repetition and parallel connections until the time is over. */
import type { Socket } from 'node:net'
import type { Target } from '../attacks.ts'
import type { Account } from '../people.ts'
import { upgrade, write } from '../wire.ts'

const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))

/** Repeats `work` until the time is over. Failures are expected, because the service defends itself, and are retried after 50 ms. */
export const repeat = async ({ signal }: Target, work: () => Promise<void>): Promise<void> => {
  while (!signal.aborted) {
    await work().catch(() => pause(50))
    await pause(0)
  }
}

/** Runs `work` `count` times in parallel. */
export const parallel = async (count: number, work: (at: number) => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: count }, (_, at) => work(at)))
}

/** Returns one of the attacker's accounts. */
export const accountOf = ({ accounts }: Target, at: number): Account => {
  const account = accounts[at % accounts.length]
  if (!account) throw new Error('an attack needs accounts')
  return account
}

/** Writes to WebSockets as fast as they accept data, and opens a new one when the service closes one. */
export const flood =
  (sockets: number, bytes: () => Buffer, path?: string) =>
  async (target: Target): Promise<void> => {
    const data = bytes()
    await parallel(sockets, at =>
      repeat(target, async () => {
        const socket = await upgrade(target.port, accountOf(target, at).token, path)
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
