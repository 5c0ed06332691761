/** Runs a TCP proxy that injects faults: it closes connections, or holds back bytes in both directions. */
import { connect, createServer, type Socket } from 'node:net'

export interface FaultProxy {
  readonly port: number
  /** Closes every connection. */
  cut(): void
  /** Holds back all bytes without closing a connection, as if a cable were unplugged. */
  stall(): void
  /** Holds back the bytes of the existing connections permanently, without closing them. New connections work. */
  halfOpen(): void
  /** Ends `stall` and forwards the bytes that were held back. Half-open connections stay half open. */
  resume(): void
  /** Forwards new connections to another port. Existing connections keep the previous port. */
  redirect(port: number): void
  close(): void
}

export const startProxy = async (target: number): Promise<FaultProxy> => {
  const pairs = new Set<[Socket, Socket]>()
  const halfOpen = new Set<[Socket, Socket]>()
  let isStalled = false
  let current = target
  const server = createServer(near => {
    const far = connect(current, '127.0.0.1')
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    near.pipe(far).pipe(near)
    if (isStalled) hold(pair)
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => {
        for (const one of pair) one.destroy()
        pairs.delete(pair)
        halfOpen.delete(pair)
      })
    }
  })
  const hold = ([near, far]: [Socket, Socket]): void => {
    near.unpipe()
    far.unpipe()
    near.pause()
    far.pause()
  }
  server.listen(0, '127.0.0.1')
  await new Promise(done => server.once('listening', done))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    cut() {
      for (const [near] of pairs) near.destroy()
    },
    stall() {
      isStalled = true
      for (const pair of pairs) hold(pair)
    },
    halfOpen() {
      for (const pair of pairs) {
        hold(pair)
        halfOpen.add(pair)
      }
    },
    resume() {
      if (!isStalled) return
      isStalled = false
      for (const pair of pairs) if (!halfOpen.has(pair)) pair[0].pipe(pair[1]).pipe(pair[0])
    },
    redirect(port) {
      current = port
    },
    close() {
      server.close()
      for (const [near] of pairs) near.destroy()
    }
  }
}
