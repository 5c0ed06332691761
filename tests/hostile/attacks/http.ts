/**
 * Defines attacks over HTTP: declined upgrades, pipelined, malformed and unfinished requests, guessed passwords, and
 * connections that are dropped at once.
 */
import { randomBytes } from 'node:crypto'
import type { Attack } from '../attacks.ts'
import { head, open, times, upgrade, write } from '../wire.ts'
import { accountOf, parallel, repeat } from './repeat.ts'

const H2C = ['connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQCAAAAAAIAAAAA']
const FOREIGN = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', 'sec-websocket-key: AA==']

const pipeline = (name: string, request: string, connections = 4): Attack => ({
  name,
  run: target =>
    parallel(connections, () =>
      repeat(target, async () => {
        const socket = await open(target.port)
        socket.resume()
        const batch = times(100, request)
        while (!target.signal.aborted && !socket.destroyed) await write(socket, batch, target.signal)
        socket.destroy()
      })
    )
})

export const abuseHttp: readonly Attack[] = [
  pipeline('upgrades to h2c on one connection', head('GET /health/live', undefined, H2C)),
  pipeline('upgrades on other paths', head('GET /nowhere', undefined, FOREIGN)),
  pipeline('upgrades without a token', head('GET /ws/chat', undefined, FOREIGN)),
  pipeline('pipelined health checks', head('GET /health')),
  pipeline('pipelined requests for unknown paths', head(`GET /${'x'.repeat(2000)}`)),
  {
    name: 'requests that are never finished',
    leavesOpen: true,
    run: target =>
      parallel(200, async at => {
        const socket = await open(target.port)
        socket.write(
          at % 2 === 0
            ? 'GET /health HTTP/1.1\r\nhost: a\r\n'
            : head('POST /api/auth/login', undefined, ['content-length: 99', 'content-type: application/json'])
        )
      })
  },
  {
    name: 'bytes that are not HTTP',
    run: target =>
      parallel(8, () =>
        repeat(target, async () => {
          const socket = await open(target.port)
          socket.resume()
          await write(socket, randomBytes(2000), target.signal)
          socket.destroy()
        })
      )
  },
  {
    name: 'connections that are dropped at once',
    run: target =>
      parallel(16, at =>
        repeat(target, async () => {
          const socket = await open(target.port)
          socket.write(head('GET /ws/chat', accountOf(target, at).token, FOREIGN))
          socket.destroy()
        })
      )
  },
  {
    name: 'upgrades beyond the connect rate',
    run: target =>
      parallel(32, at =>
        repeat(target, async () => {
          // With and without a valid token, because the rate counts both.
          const socket = await upgrade(target.port, at % 2 === 0 ? accountOf(target, at).token : undefined)
          socket.destroy()
        })
      )
  },
  {
    name: 'guessed passwords',
    run: target =>
      parallel(16, at =>
        repeat(target, async () => {
          const body = JSON.stringify({ username: accountOf(target, at).name, password: `Guess${at}Guess` })
          await fetch(`http://127.0.0.1:${target.port}/api/auth/login`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body,
            signal: target.signal
          }).then(response => response.arrayBuffer())
        })
      )
  }
]
