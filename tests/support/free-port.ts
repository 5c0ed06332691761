/**
 * Returns an unused port, for processes that take their port as a setting. The port is below the range from which the system
 * takes the ports of outgoing connections (32768 to 60999 on Linux), so that no connection takes the port before the process
 * listens.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(12_000, 32_000)
    if (await isFree(port)) return port
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
