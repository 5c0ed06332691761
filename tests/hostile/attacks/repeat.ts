/** Provides functions that repeat work until the time of an attack is over, and functions that run work in parallel. */
import type { Socket } from 'node:net'
import type { Target } from '../attacks.ts'
import type { Account } from '../people.ts'
import { upgrade, write } from '../wire.ts'

const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))

/**
 * Repeats `work` until the time is over. Retries a failure after 50 ms, because failures are expected when the service rejects
 * an attack.
 */
export const repeat = async ({ signal }: Target, work: () => Promise<void>): Promise<void> => {
  while (!signal.aborted) {
    await work().catch(() => pause(50))
    await pause(0)
  }
}

/** Runs `count` calls of `work` in parallel. Each call receives its index. The first index is 0. */
export const parallel = async (count: number, work: (at: number) => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: count }, (_, at) => work(at)))
}

/** Returns one of the attacker's accounts. `at` starts at 0. After the last account, the first account is returned again. */
export const accountOf = ({ accounts }: Target, at: number): Account => {
  const account = accounts[at % accounts.length]
  if (!account) throw new Error('The attack has no accounts.')
  return account
}

/**
 * Returns the `run` function of an attack. The function writes to `sockets` WebSockets as fast as they accept data, and opens
 * another WebSocket when the service closes one.
 */
export const flood =
  (sockets: number, bytes: () => Buffer, path?: string) =>
  async (target: Target): Promise<void> => {
    const data = bytes()
    await parallel(sockets, at =>
      repeat(target, async () => {
        const socket = await upgrade(target.port, accountOf(target, at).token, path)
        await writeContinuously(target, socket, data)
        socket.destroy()
        await pause(20)
      })
    )
  }

const writeContinuously = async ({ signal }: Target, socket: Socket, data: Buffer): Promise<void> => {
  while (!signal.aborted && !socket.destroyed) {
    await write(socket, data, signal)
    await pause(0)
  }
}
