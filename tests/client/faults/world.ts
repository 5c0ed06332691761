/**
 * Creates the rooms and users of one fault run: a public room, a private room, direct rooms, and a user whose account is
 * deleted.
 */
import {
  type AccountApi,
  type ChatApi,
  createAccountApi,
  createChatApi,
  createModerationApi,
  type FetchLike,
  type ModerationApi
} from '../../../client/src/index.ts'
import { PASSWORD } from '../../support/start-chat.ts'
import { type App, startApp } from './app.ts'
import type { Counts } from './counts.ts'
import { pause, pick, type Random, until } from './random.ts'
import type { Services } from './services.ts'

export type Role = 'member' | 'moderator' | 'owner'

export interface RoomInfo {
  readonly name: string
  readonly visibility: 'public' | 'private' | 'direct'
  /** The roles before the first entry of the log. The service writes no entry for the creation of a room. */
  readonly roles: ReadonlyMap<number, Role>
}

/** Calls the service as a user, without faults. */
export interface Caller {
  readonly id: number
  readonly name: string
  readonly api: ChatApi
  readonly moderation: ModerationApi
  readonly account: AccountApi
}

export interface World {
  readonly random: Random
  readonly counts: Counts
  readonly services: Services
  readonly apps: readonly App[]
  /** The user whose account is deleted during the run. */
  readonly leaver: Caller
  readonly rooms: Map<string, RoomInfo>
  readonly publicRoom: string
  readonly privateRoom: string
  /** The codes of the invitations to the private room. */
  readonly codes: string[]
  readonly wrong: string[]
  /** Logs a user in at the first process, without a proxy. */
  callAs(name: string): Promise<Caller>
}

/** How long a token is used, in milliseconds. */
const TOKEN_MS = 2000
const ATTEMPTS = 300
/**
 * The timeout of a request in milliseconds. It is long, because a request may wait for a restart and the machine may be slow.
 */
const TIMEOUT_MS = 60_000
const NAMES = ['ada', 'bob', 'cat', 'dan', 'eve']

export interface WorldOptions {
  readonly services: Services
  readonly seed: number
  readonly random: Random
  readonly counts: Counts
}

/** Repeats a request while a process restarts, and when a rate limit rejects the request. */
const patientFetch: FetchLike = async (url, init) => {
  for (let attempt = 0; ; attempt++) {
    const response = await fetch(url, init).catch(() => undefined)
    if (response && response.status !== 503 && response.status !== 429) return response
    if (attempt > ATTEMPTS) throw new Error(`${url} did not respond after ${attempt} attempts.`)
    await pause(100)
  }
}

export const createWorld = async ({ services, seed, random, counts }: WorldOptions): Promise<World> => {
  const options = { url: services.url(0), fetch: patientFetch, timeout: TIMEOUT_MS }
  const callAs = async (name: string): Promise<Caller> => {
    // On the fast clock, a token expires within seconds. So `token` logs the user in again after `TOKEN_MS`.
    let known = { token: '', at: Number.NEGATIVE_INFINITY }
    const token = async (): Promise<string> => {
      const at = performance.now()
      if (at - known.at > TOKEN_MS)
        known = { token: (await createChatApi(options).login(name, PASSWORD)).access_token, at }
      return known.token
    }
    const calls = { ...options, token }
    const api = createChatApi(calls)
    const { id } = await api.me()
    return { id, name, api, moderation: createModerationApi(calls), account: createAccountApi(calls) }
  }
  const register = async (name: string): Promise<Caller> => {
    await createChatApi(options).register(name, PASSWORD)
    return callAs(name)
  }
  const people: Caller[] = []
  for (const name of [...NAMES, 'gil']) people.push(await register(`${name}-${seed}`))
  const [ada, bob, cat, dan, eve, leaver] = people as [Caller, Caller, Caller, Caller, Caller, Caller]

  const publicRoom = `run-${seed}`
  await ada.api.createRoom(publicRoom)
  const { room: privateRoom } = await ada.api.createRoom({ visibility: 'private', title: 'Plans' })
  for (const room of [publicRoom, privateRoom]) {
    await ada.api.putMember(room, bob.id, 'owner')
    await ada.api.putMember(room, cat.id, 'moderator')
    await ada.api.putMember(room, dan.id)
  }
  await ada.api.putMember(publicRoom, eve.id)
  const { room: direct } = await dan.api.openDirect([eve.id])

  const owned = new Map<number, Role>([[ada.id, 'owner']])
  const rooms = new Map<string, RoomInfo>([
    [publicRoom, { name: publicRoom, visibility: 'public', roles: owned }],
    [privateRoom, { name: privateRoom, visibility: 'private', roles: owned }]
  ])
  const members = people.slice(0, NAMES.length)
  const apps = await Promise.all(
    members.map(({ id, name }, at) => startApp({ id, name, port: services.port(at % services.count), random, counts }))
  )
  const world: World = {
    random,
    counts,
    services,
    apps,
    leaver,
    rooms,
    publicRoom,
    privateRoom,
    codes: [],
    wrong: [],
    callAs
  }
  const heads = new Map<string, number>()
  for (const room of [publicRoom, privateRoom]) heads.set(room, (await ada.api.showRoom(room)).seq)
  addDirect(world, direct, [dan.id, eve.id])
  for (const app of apps) for (const room of [publicRoom, privateRoom]) app.enter(room)
  for (const app of apps.slice(3)) app.enter(direct)
  // Also accepts a refused subscription, because Eve is not a member of the private room.
  const isJoined = ({ room }: { room: { state: { status: string } } }) =>
    ['live', 'refused'].includes(room.state.status)
  await until('everyone is in the rooms', () => apps.every(({ tracks }) => [...tracks.values()].every(isJoined)))
  for (const { tracks } of apps)
    for (const track of tracks.values()) if (track.room.state.status === 'live') track.from = heads.get(track.name) ?? 0
  return world
}

/** Records a direct room. The same people must always get the same room. */
export const addDirect = ({ rooms, wrong }: World, name: string, people: readonly number[]): void => {
  const roles = new Map(people.map(id => [id, 'member' as const]))
  const keyOf = (of: ReadonlyMap<number, Role>): string => [...of.keys()].sort((a, b) => a - b).join()
  const same = [...rooms.values()].find(room => room.visibility === 'direct' && keyOf(room.roles) === keyOf(roles))
  if (same && same.name !== name) wrong.push(`the people ${keyOf(roles)} have two direct rooms`)
  rooms.set(name, { name, visibility: 'direct', roles })
}

/** Returns another user. Prefers the last three users, because they are not owners at the beginning. */
export const otherThan = ({ apps, random }: World, app: App): App =>
  pick(
    (random() < 0.7 ? apps.slice(2) : apps).filter(one => one !== app),
    random
  ) ?? app
