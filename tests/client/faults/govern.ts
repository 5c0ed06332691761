/**
 * Performs one random action. The action concerns the members, roles, restrictions, settings or invitations of a room, direct
 * rooms, blocks, reports or the inbox. Every user tries every action, and the service decides which of them are allowed.
 */
import { ChatApiError } from '../../../client/src/index.ts'
import type { App } from './app.ts'
import { count } from './counts.ts'
import { pause, pick } from './random.ts'
import { addDirect, otherThan, type Role, type World } from './world.ts'

type Action = (app: App, other: App, world: World) => Promise<unknown>

/**
 * The codes of the errors that are expected when two users act at the same time, or when a user lacks a right. Any other code
 * is an error of the service.
 */
const EXPECTED = [
  'not_allowed',
  'room_not_found',
  'user_not_found',
  'last_owner',
  'banned',
  'muted',
  'room_archived',
  'room_unchanged',
  'already_member',
  'invitation_invalid',
  'message_not_found',
  'already_deleted'
]
const ROLES: readonly Role[] = ['member', 'member', 'moderator', 'owner']

const anyRoom = ({ random, publicRoom, privateRoom }: World): string => (random() < 0.4 ? publicRoom : privateRoom)

/** Returns an optional end and reason for a restriction. `interrupt` in fault-run.ts moves each end to an earlier time. */
const terms = ({ random }: World) => ({
  ...(random() < 0.5 ? { until: new Date(Date.now() + 7 * 86_400_000) } : {}),
  ...(random() < 0.5 ? { reason: 'A test' } : {})
})

/** Roles change only in the private room. So the public room keeps an owner, who can revert what other users have done. */
const ROOM_ACTIONS: Readonly<Record<string, Action>> = {
  add: ({ client }, { id }, { privateRoom }) => client.api.putMember(privateRoom, id),
  changeRole: ({ client }, { id }, { privateRoom, random }) =>
    client.api.putMember(privateRoom, id, pick(ROLES, random) ?? 'member'),
  remove: ({ client }, { id }, { privateRoom }) => client.api.removeMember(privateRoom, id),
  leave: ({ client }, _, world) => client.api.removeMember(anyRoom(world), 'me'),
  join: ({ client }, _, { publicRoom }) => client.api.putMember(publicRoom, 'me'),
  mute: ({ moderation }, { id }, world) => moderation.mute(anyRoom(world), id, terms(world)),
  unmute: ({ moderation }, { id }, world) => moderation.unmute(anyRoom(world), id),
  ban: ({ moderation }, { id }, world) =>
    moderation.ban(anyRoom(world), id, { ...terms(world), ...(world.random() < 0.3 ? { erase: 1 } : {}) }),
  unban: ({ moderation }, { id }, world) => moderation.unban(anyRoom(world), id),
  rename: ({ client }, _, world) =>
    client.api.changeRoom(anyRoom(world), { title: `Title ${Math.floor(world.random() * 100)}`, topic: 'Topic' }),
  slowDown: ({ client }, _, world) =>
    client.api.changeRoom(anyRoom(world), { slow_mode_seconds: world.random() < 0.6 ? 0 : 1 }),
  async archive({ client }, _, world) {
    const room = anyRoom(world)
    await client.api.changeRoom(room, { archived: true })
    await pause(100 + world.random() * 200)
    await client.api.changeRoom(room, { archived: false })
  },
  unarchive: ({ client }, _, world) => client.api.changeRoom(anyRoom(world), { archived: false }),
  restrictInvitations: ({ client }, _, { privateRoom, random }) =>
    client.api.changeRoom(privateRoom, { invite: random() < 0.5 ? 'members' : 'moderators' }),
  async invite({ invitations }, _, { privateRoom, codes }) {
    codes.push((await invitations.create(privateRoom, { uses: 2 })).code)
  },
  async accept({ invitations }, _, { codes, random }) {
    const code = pick(codes, random)
    if (code) await invitations.accept(code)
  },
  block: ({ safety }, { id }) => safety.block(id),
  unblock: ({ safety }, { id }) => safety.unblock(id),
  async report({ safety, tracks }, _, { random }) {
    const track = pick([...tracks.values()], random)
    const message = pick(track?.room.state.messages ?? [], random)
    if (track && message) await safety.report(track.name, message.seq)
  },
  async openDirect(app, other, world) {
    const third = otherThan(world, app)
    const people = [...new Set([other.id, ...(world.random() < 0.3 ? [third.id] : [])])]
    const { room } = await app.client.api.openDirect(people)
    addDirect(world, room, [app.id, ...people])
    app.enter(room)
  },
  async hide({ inbox, tracks }, _, { rooms, random }) {
    const direct = pick(
      [...tracks.keys()].filter(name => rooms.get(name)?.visibility === 'direct'),
      random
    )
    if (direct) await inbox.hide(direct)
  }
}

/**
 * Actions that give a right, and actions that remove one. They are chosen more often than the others, and about equally often.
 */
const GIVING = ['add', 'add', 'join', 'invite', 'accept', 'unban', 'unban', 'unmute', 'unblock']
const TAKING = [
  'ban',
  'ban',
  'ban',
  'mute',
  'mute',
  'remove',
  'changeRole',
  'changeRole',
  'leave',
  'slowDown',
  'archive',
  'block'
]
/** Maximum number of attempts. An action is repeated after a temporary error, so that most actions have an effect. */
const ATTEMPTS = 4

/**
 * Returns whether the error is temporary: the connection was lost (0), the token has expired (401), or the service is
 * restarting or busy (429, 503).
 */
const isTemporary = (error: unknown): boolean =>
  error instanceof ChatApiError && [0, 401, 429, 503].includes(error.status)

const isExpected = (error: unknown): boolean => error instanceof ChatApiError && EXPECTED.includes(error.code)

export const govern = async (app: App, world: World): Promise<void> => {
  const { random, counts } = world
  const chance = random()
  const names = chance < 0.35 ? GIVING : chance < 0.8 ? TAKING : Object.keys(ROOM_ACTIONS)
  const name = pick(names, random) ?? 'add'
  const other = otherThan(world, app)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      await ROOM_ACTIONS[name]?.(app, other, world)
      return
    } catch (error) {
      count(counts.refusals, error instanceof ChatApiError ? error.code : String(error))
      if (!isTemporary(error)) {
        if (!isExpected(error)) app.wrong.push(`${name}: ${error}`)
        return
      }
      await pause(100)
    }
  }
}
