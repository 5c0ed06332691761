/** Defines attacks that read too much history, read it too fast, or do not read the responses. */
import type { Attack } from '../attacks.ts'
import { head, open, times, write } from '../wire.ts'
import { accountOf, flood, parallel, repeat } from './repeat.ts'

const HISTORY = '/api/chat/messages?limit=1000'

const unread = (name: string, path: string, requests: number): Attack => ({
  name,
  leavesOpen: true,
  run: target =>
    parallel(100, async at => {
      const socket = await open(target.port)
      socket.pause()
      await write(socket, times(requests, head(`GET ${path}`, accountOf(target, at).token)), target.signal)
    })
})

export const floodReads: readonly Attack[] = [
  unread('history that is not read', HISTORY, 1),
  unread('documents that are not read', '/redoc/redoc.standalone.js', 20),
  {
    name: 'history in sixteen parallel reads',
    run: target =>
      parallel(16, at =>
        repeat(target, async () => {
          const headers = { authorization: `Bearer ${accountOf(target, at).token}` }
          const response = await fetch(`http://127.0.0.1:${target.port}${HISTORY}`, { headers, signal: target.signal })
          await response.arrayBuffer()
        })
      )
  },
  {
    name: 'a hundred reads in one write',
    run: target =>
      parallel(4, at =>
        repeat(target, async () => {
          const socket = await open(target.port)
          socket.resume()
          const batch = times(100, head(`GET ${HISTORY}`, accountOf(target, at).token))
          while (!target.signal.aborted && !socket.destroyed) await write(socket, batch, target.signal)
          socket.destroy()
        })
      )
  },
  {
    name: 'repeated subscriptions with a resume',
    run: flood(4, () => subscribeFrames())
  }
]

const subscribeFrames = (): Buffer => {
  const text = Buffer.from('{"type":"subscribe","room":"general","after":1}')
  const header = Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0])
  return times(20, Buffer.concat([header, text]))
}
