/**
 * Returns an unused port, for processes that take their port as a setting. The port is below 32768, because Linux uses ports
 * from 32768 to 60999 for outgoing connections. So no outgoing connection can take the port before the process listens.
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
