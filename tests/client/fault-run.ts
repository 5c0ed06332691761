/**
 * Performs one seeded run. Three users send, edit and delete messages, reply to them, react to them, pin them and mark them as
 * read, and change the title of the room. Their connections are cut, stalled or left half open, or lose frames, and one of the
 * users reloads the page. After the faults, compares the entries that each user received with the log, the messages that each
 * user sees with the messages over HTTP, and the read marks with the last message.
 */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import {
  type ChatApi,
  type ChatClient,
  createChatApi,
  createChatClient,
  type Room,
  type Storage
} from '../../client/src/index.ts'
import { type FaultProxy, startProxy } from '../chaos/proxy.ts'
import { PASSWORD } from '../support/start-chat.ts'
import { fastTimers } from './compressed-time.ts'
import { type Loss, lossySocket } from './lossy-socket.ts'

/** Returns the users of a run. Parallel runs have different users. */
export const peopleOf = (lane: number): string[] => ['ada', 'bob', 'eve'].map(name => `${name}-${lane}`)

const MESSAGES = 12
const FAULTS = 5
/** The number of changes after each message. */
const CHANGES = 2
const KEYS = ['👍', '❤', '+1']
const DEADLINE_MS = 120_000
/**
 * Timeouts that are longer than the defaults. On a clock that is 20 times as fast as real time, the default timeouts would be
 * too short for a busy machine.
 */
const TIMING = { connect: 30_000, pongTimeout: 20_000 }

/** Totals over all runs. */
export interface Counts {
  messages: number
  changes: number
  /** The number of entries of each kind. */
  kinds: Record<string, number>
  deliveries: number
  connections: number
  faults: Record<string, number>
}

export const noCounts = (): Counts => ({
  messages: 0,
  changes: 0,
  kinds: {},
  deliveries: 0,
  connections: 0,
  faults: {}
})

/** Returns a seeded random number generator (Mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** The app of one user: a client behind its own proxy, and everything that the client received. */
interface App {
  readonly name: string
  readonly proxy: FaultProxy
  readonly loss: Loss
  /** The sent messages with their last text. The text is null after a deletion. */
  readonly typed: { readonly nonce: string; content: string | null }[]
  /** `received` has each `seq` from the event `message`, and `looped` has each `seq` from a loop over `messages()`. */
  readonly received: number[]
  /** The `seq` of each event `update`, `membership` and `room`. */
  readonly updated: number[]
  readonly looped: number[]
  readonly wrong: string[]
  /** Whether the user is a moderator. */
  readonly mayPin: boolean
  client: ChatClient
  room: Room
}

const memoryStorage = (): Storage => {
  const kept = new Map<string, string>()
  return {
    get: async key => kept.get(key),
    set: (key, value) => void kept.set(key, value),
    remove: key => void kept.delete(key)
  }
}

const startApp = async (
  { name, mayPin }: Pick<App, 'name' | 'mayPin'>,
  target: number,
  roomName: string,
  random: () => number,
  counts: Counts
) => {
  const proxy = await startProxy(target)
  const url = `http://127.0.0.1:${proxy.port}`
  const loss: Loss = { percent: 0 }
  const timers = fastTimers(random)
  const login = createChatApi({ url, timers, timeout: TIMING.connect })
  const storage = memoryStorage()
  const app: Omit<App, 'client' | 'room'> = {
    name,
    proxy,
    loss,
    typed: [],
    received: [],
    updated: [],
    looped: [],
    wrong: [],
    mayPin
  }

  const open = (): Pick<App, 'client' | 'room'> => {
    const client = createChatClient({
      url,
      token: async () => (await login.login(name, PASSWORD)).access_token,
      storage,
      timers,
      timing: TIMING,
      WebSocket: lossySocket(loss, random)
    })
    client.on('state', state => {
      if (state.status === 'online') counts.connections++
      if (state.status === 'offline' && state.reason !== 'closed')
        app.wrong.push(`offline: ${state.reason} ${state.detail}`)
    })
    const room = client.room(roomName)
    room.on('message', ({ seq }) => app.received.push(seq))
    for (const event of ['update', 'membership', 'room'] as const)
      room.on(event, ({ seq }: { readonly seq: number }) => app.updated.push(seq))
    room.on('resync', resync => app.wrong.push(`resync ${JSON.stringify(resync)}`))
    room.on('outgoing', one => {
      // A user may delete a message before the reaction or the pin of another user arrives.
      const isLate = ['react', 'pin'].includes(one.type) && one.error?.code === 'already_deleted'
      if (one.status === 'failed' && !isLate) app.wrong.push(`failed: ${one.type} ${one.content} ${one.error?.code}`)
    })
    void (async () => {
      for await (const { seq } of room.messages()) app.looped.push(seq)
    })()
    return { client, room }
  }

  return { app: Object.assign(app, open()) as App, reopen: open }
}

const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Not within ${DEADLINE_MS / 1000} s: ${what}`)
    await pause(10)
  }
}

const causeFault = async (app: App, random: () => number, counts: Counts): Promise<void> => {
  const faults: Record<string, () => Promise<void> | void> = {
    cut: () => app.proxy.cut(),
    delay: () => holdBack(20 + random() * 150),
    stall: () => holdBack(500 + random() * 700),
    halfOpen: () => app.proxy.halfOpen(),
    lose: async () => {
      app.loss.percent = 20 + random() * 30
      await pause(100 + random() * 400)
      app.loss.percent = 0
    }
  }
  const holdBack = async (ms: number): Promise<void> => {
    app.proxy.stall()
    await pause(ms)
    app.proxy.resume()
  }
  const names = Object.keys(faults)
  const name = names[Math.floor(random() * names.length)] ?? 'cut'
  counts.faults[name] = (counts.faults[name] ?? 0) + 1
  await faults[name]?.()
}

export interface FaultRunOptions {
  readonly url: string
  readonly seed: number
  readonly people: readonly string[]
  /** Creates the room. The first two of the `people` are moderators of it, and the others are members. */
  readonly createRoom: (name: string) => Promise<unknown>
  readonly counts: Counts
}

/** Performs one run. Returns a description of each violated guarantee. */
export const faultRun = async ({ url, seed, people, createRoom, counts }: FaultRunOptions): Promise<string[]> => {
  const random = seeded(seed)
  const roomName = `run-${seed}-${randomBytes(3).toString('hex')}`
  await createRoom(roomName)
  const target = Number(new URL(url).port)
  const started = await Promise.all(
    people.map((name, at) => startApp({ name, mayPin: at < 2 }, target, roomName, random, counts))
  )
  const apps = started.map(({ app }) => app)
  try {
    await until('everyone is in the room', () => apps.every(({ room }) => room.state.status === 'live'))
    await Promise.all(started.map(({ app, reopen }, at) => talk(app, at === 0 ? reopen : undefined, random, counts)))
    for (const { proxy, loss } of apps) {
      loss.percent = 0
      proxy.resume()
    }
    const isAcknowledged = ({ room }: App) =>
      [...room.state.outgoing, ...room.state.changes].every(({ status }) => status !== 'pending')
    await until('everything is acknowledged', () => apps.every(isAcknowledged))
    const last = await sendLastMessage(apps, url)
    await until('nothing is on its way', () => apps.every(({ room }) => room.state.outgoing.length === 0))
    await until('everyone has seen everything', () => apps.every(({ looped }) => (looped.at(-1) ?? 0) >= last))
    for (const { room } of apps) room.markRead()
    const isRead = ({ client, room }: App) => (room.state.reads[client.identity?.user_id ?? 0] ?? 0) >= last
    await until('everyone has marked everything as read', () => apps.every(isRead))
    const { access_token: token } = await createChatApi({ url }).login(apps[0]?.name ?? '', PASSWORD)
    const api = createChatApi({ url, token })
    await until('the service has all marks', () => hasMarks(api, roomName, last))
    return await check(apps, url, roomName, counts)
  } catch (error) {
    return [
      String(error),
      ...apps.map(describe),
      ...apps.flatMap(({ name, wrong }) => wrong.map(what => `${name}: ${what}`))
    ]
  } finally {
    for (const { client, proxy } of apps) {
      client.close()
      proxy.close()
    }
  }
}

const pick = <One>(from: readonly One[], random: () => number): One | undefined =>
  from[Math.floor(random() * from.length)]

const answerTo = ({ room }: App, random: () => number): { replyTo?: number } => {
  const answered = random() < 0.3 ? pick(room.state.messages, random) : undefined
  return answered ? { replyTo: answered.seq } : {}
}

/** Makes a random change of a message that the app shows. */
const changeOne = ({ room, typed, client, mayPin }: App, random: () => number): void => {
  const message = pick(
    room.state.messages.filter(({ content }) => content !== null),
    random
  )
  if (!message) return
  const { seq, mine = [], pinned = false } = message
  const own = message.user_id === client.identity?.user_id && typed.find(({ nonce }) => nonce === message.nonce)
  const chance = random()
  if (own && chance < 0.5) {
    own.content = `${message.content}!`
    room.edit(seq, own.content)
  } else if (own && chance < 0.55) {
    own.content = null
    room.delete(seq)
  } else if (mayPin && chance > 0.9 && client.identity?.features.includes('pin')) room.pin(seq, { remove: pinned })
  else {
    const key = pick(KEYS, random) ?? ''
    room.react(seq, key, { remove: mine.includes(key) })
  }
}

/** Sends messages and causes faults at the same time. With `reopen`, closes the app in the middle and opens it again. */
const talk = async (
  app: App,
  reopen: (() => Pick<App, 'client' | 'room'>) | undefined,
  random: () => number,
  counts: Counts
): Promise<void> => {
  const typing = async (): Promise<void> => {
    for (let count = 1; count <= MESSAGES; count++) {
      await pause(random() * 120)
      if (reopen && count === MESSAGES / 2) {
        app.client.close()
        Object.assign(app, reopen())
      }
      const content = `${app.name} says ${count}`
      const { nonce } = app.room.send(content, answerTo(app, random))
      app.typed.push({ nonce, content })
      for (let changes = 0; changes < CHANGES; changes++) changeOne(app, random)
      if (random() < 0.2) void app.room.older(5).catch(() => {})
      if (random() < 0.5) app.room.markRead()
      // The connection may be lost before the response.
      if (app.mayPin && count % 5 === 0)
        void app.client.api.changeRoom(app.room.name, { title: `Title ${count}` }).catch(() => {})
    }
  }
  const failing = async (): Promise<void> => {
    for (let count = 0; count < FAULTS; count++) {
      await pause(random() * 150)
      await causeFault(app, random, counts)
    }
  }
  await Promise.all([typing(), failing()])
}

/**
 * Sends a last message. The message is lost on the connections of the other users. Only a `heads` frame reveals the gap to their
 * clients. Returns the `seq` of the message.
 */
const sendLastMessage = async (apps: readonly App[], url: string): Promise<number> => {
  const [speaker, ...others] = apps
  if (!speaker) return 0
  for (const { loss } of others) loss.percent = 100
  const content = `${speaker.name} sends the last message`
  const { nonce } = speaker.room.send(content)
  speaker.typed.push({ nonce, content })
  await speaker.room.settled(nonce)
  await pause(50)
  for (const { loss } of others) loss.percent = 0
  const { access_token: token } = await createChatApi({ url }).login(speaker.name, PASSWORD)
  return (await createChatApi({ url, token }).showRoom(speaker.room.name)).seq
}

const hasMarks = async (api: ChatApi, roomName: string, last: number): Promise<boolean> => {
  await pause(200)
  const { members } = await api.members(roomName)
  return members.every(({ read_seq = 0 }) => read_seq >= last)
}

const describe = ({ name, client, room, looped }: App): string =>
  `${name}: ${JSON.stringify(client.state)}, room ${room.state.status}, ${room.state.outgoing.length} outgoing, last ${looped.at(-1)}`

const check = async (apps: readonly App[], url: string, roomName: string, counts: Counts): Promise<string[]> => {
  const { access_token: token } = await createChatApi({ url }).login(apps[0]?.name ?? '', PASSWORD)
  const { messages: log } = await createChatApi({ url, token }).history(roomName, { limit: 1000 })
  const { entries } = await createChatApi({ url, token }).log(roomName, { limit: 1000 })
  const all = log.map(({ seq }) => seq)
  const changes = entries.filter(({ type }) => type !== 'message').map(({ seq }) => seq)
  const wrong = apps.flatMap(({ name, wrong }) => wrong.map(what => `${name}: ${what}`))
  const compare = (what: string, found: readonly unknown[], expected: readonly unknown[]): void => {
    if (JSON.stringify(found) !== JSON.stringify(expected)) wrong.push(`${what}: ${found} instead of ${expected}`)
  }
  counts.messages += log.length
  counts.changes += changes.length
  for (const { type } of entries) counts.kinds[`${type}`] = (counts.kinds[`${type}`] ?? 0) + 1
  for (const { name, typed, received, updated, looped, room } of apps) {
    counts.deliveries += looped.length
    // Fails if a message was lost, stored twice, or stored in another order.
    compare(
      `${name}'s messages in the log`,
      log.filter(({ username }) => username === name).map(one => one.content),
      typed.map(({ content }) => content)
    )
    compare(`${name} received`, received, all)
    compare(`${name} was notified of changes`, updated, changes)
    compare(`${name} looped over`, looped, all)
    wrong.push(...(await compareView(name, room, url)))
  }
  return wrong
}

/** Loads the whole history, and compares the messages of the room with the messages that the user receives over HTTP. */
const compareView = async (name: string, room: Room, url: string): Promise<string[]> => {
  // A request on a half-open connection gets no response.
  while (await room.older(20).catch(() => true));
  const { access_token: token } = await createChatApi({ url }).login(name, PASSWORD)
  const { messages, mine = {} } = await createChatApi({ url, token }).history(room.name, { limit: 1000 })
  const expected = messages.map(message => ({ ...message, ...(mine[message.seq] ? { mine: mine[message.seq] } : {}) }))
  const found = () => room.state.messages.map(message => ({ ...message }))
  const deadline = performance.now() + 10_000
  // After a short random delay, the SDK loads the messages that replies refer to.
  while (!isDeepStrictEqual(found(), expected) && performance.now() < deadline) await pause(20)
  const shown = found()
  return isDeepStrictEqual(shown, expected)
    ? []
    : expected.flatMap((message, at) =>
        isDeepStrictEqual(shown[at], message)
          ? []
          : [`${name} is shown ${JSON.stringify(shown[at])} instead of ${JSON.stringify(message)}`]
      )
}
