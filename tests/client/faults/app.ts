/**
 * Runs the app of one user in a fault run: a client with an inbox behind a proxy of its own. Records everything that the client
 * receives.
 */
import {
  type ChatClient,
  createChatApi,
  createChatClient,
  createInbox,
  createInvitationApi,
  createModerationApi,
  createSafetyApi,
  type Inbox,
  type InvitationApi,
  type ModerationApi,
  type SafetyApi,
  type Storage
} from '../../../client/src/index.ts'
import { type FaultProxy, startProxy } from '../../chaos/proxy.ts'
import type { SeenFrame } from '../../chaos/rights.ts'
import { PASSWORD } from '../../support/start-chat.ts'
import { fastTimers } from '../compressed-time.ts'
import { type Loss, lossySocket } from '../lossy-socket.ts'
import type { Counts } from './counts.ts'
import type { Random } from './random.ts'
import { enter, isClosed, type Track } from './track.ts'

/**
 * Timeouts that are longer than the defaults. On a clock that is ten times as fast as real time, the default timeouts would be
 * too short for a busy machine.
 */
const TIMING = { connect: 60_000, pongTimeout: 20_000 }

interface Opened {
  client: ChatClient
  inbox: Inbox
}

export interface App extends Opened {
  readonly id: number
  readonly name: string
  readonly proxy: FaultProxy
  readonly loss: Loss
  /** The frames of each connection. */
  readonly connections: SeenFrame[][]
  readonly tracks: Map<string, Track>
  readonly wrong: string[]
  readonly moderation: ModerationApi
  readonly invitations: InvitationApi
  readonly safety: SafetyApi
  /** Subscribes to a room, if the user is not subscribed to it. */
  enter(room: string): Track
  /** Closes the client and opens another one with the same storage, as a reload of the page does. */
  reopen(): void
}

export interface AppOptions {
  readonly id: number
  readonly name: string
  readonly port: number
  readonly random: Random
  readonly counts: Counts
}

const memoryStorage = (): Storage => {
  const kept = new Map<string, string>()
  return {
    get: async key => kept.get(key),
    set: (key, value) => void kept.set(key, value),
    remove: key => void kept.delete(key)
  }
}

export const startApp = async ({ id, name, port, random, counts }: AppOptions): Promise<App> => {
  const proxy = await startProxy(port)
  const url = `http://127.0.0.1:${proxy.port}`
  const timers = fastTimers(random)
  const login = createChatApi({ url, timers, timeout: TIMING.connect })
  const storage = memoryStorage()
  const loss: Loss = { percent: 0 }
  const connections: SeenFrame[][] = []
  const tracks = new Map<string, Track>()
  const wrong: string[] = []
  let token = ''
  const logIn = async (): Promise<string> => {
    token = (await login.login(name, PASSWORD)).access_token
    return token
  }
  const calls = { url, timers, timeout: TIMING.connect, token: () => token || logIn() }

  const open = (): Opened => {
    const client = createChatClient({
      url,
      token: logIn,
      storage,
      timers,
      timing: TIMING,
      WebSocket: lossySocket(loss, random, connections)
    })
    client.on('state', state => {
      if (state.status === 'online') counts.connections++
      if (state.status === 'offline' && state.reason !== 'closed')
        wrong.push(`offline: ${state.reason} ${state.detail}`)
    })
    const inbox = createInbox(client, { timers })
    // Subscribes again if the subscription to a room in the inbox has ended, as a user interface does. Otherwise, the later
    // messages of the room could not be compared with the log.
    inbox.on('change', ({ rooms, status }) => {
      if (status === 'live') for (const { room } of rooms) if (tracks.has(room)) subscribe(room)
    })
    return { client, inbox }
  }

  const subscribe = (room: string): Track => {
    const known = tracks.get(room)
    if (known && !isClosed(known)) return known
    known?.room.leave()
    return enter(app, room, () => counts.resyncs++)
  }

  const opened = open()
  const app: App = {
    id,
    name,
    proxy,
    loss,
    connections,
    tracks,
    wrong,
    moderation: createModerationApi(calls),
    invitations: createInvitationApi(calls),
    safety: createSafetyApi(calls),
    ...opened,
    enter: subscribe,
    reopen() {
      app.inbox.close()
      app.client.close()
      Object.assign(app, open())
      for (const room of tracks.keys()) enter(app, room, () => counts.resyncs++)
    }
  }
  return app
}
