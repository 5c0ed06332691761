/**
 * Performs one seeded run. In a public room, a private room and direct rooms, five users send, edit and delete messages, reply to
 * them, react to them, pin them and mark them as read. They change members, roles, restrictions and settings. A sixth user's
 * account is deleted. Connections are cut, stalled or left half open, or lose frames. Processes restart, notifications are lost,
 * and an app is reloaded. After the faults, compares what each user received and sees with the logs and with HTTP. Also checks
 * that no user received anything that this user may not read.
 */
import type { App } from './faults/app.ts'
import { checkEvents, checkForgotten, checkOutgoing, checkSettings, checkView, leaksTo } from './faults/check-app.ts'
import { checkInbox } from './faults/check-inbox.ts'
import { checkHttp, type FoldedRoom, readRoom } from './faults/check-log.ts'
import { type Counts, count } from './faults/counts.ts'
import { govern } from './faults/govern.ts'
import { causeFault } from './faults/network.ts'
import { pause, pick, type Random, seeded, until } from './faults/random.ts'
import type { Services } from './faults/services.ts'
import { headsOf, settle, sql } from './faults/settle.ts'
import { talk } from './faults/talk.ts'
import { isClosed } from './faults/track.ts'
import { type Caller, createWorld, type World } from './faults/world.ts'

const STEPS = 16
/** The average number of faults of one user. */
const FAULTS = 4
/** How long an action may delay the next one, in milliseconds. */
const STEP_MS = 800

export interface FaultRunOptions {
  readonly services: Services
  readonly seed: number
  readonly counts: Counts
}

/** Performs one run. Returns a description of each violated guarantee. */
export const faultRun = async ({ services, seed, counts }: FaultRunOptions): Promise<string[]> => {
  const random = seeded(seed)
  const world = await createWorld({ services, seed, random, counts })
  const { apps, wrong } = world
  try {
    await Promise.all([...apps.map((app, at) => act(app, at === 0, world)), leave(world), interrupt(world, seed)])
    const callers = await Promise.all(apps.map(({ name }) => world.callAs(name)))
    await settle(world, callers)
    for (const app of apps) markAll(app, random)
    await check(world, callers)
  } catch (error) {
    wrong.push(error instanceof Error ? `${error.stack}` : String(error))
  } finally {
    for (const { client, inbox, proxy } of apps) {
      inbox.close()
      client.close()
      proxy.close()
    }
  }
  return [...wrong, ...apps.flatMap(({ name, wrong }) => wrong.map(what => `${name}: ${what}`))]
}

/**
 * Lets one user talk and act, while faults happen to their connection. Each action waits for the outcome of the previous action,
 * but at most `STEP_MS`, so that a slow machine makes as many changes as a fast one. With `isReloaded`, the app is reloaded in
 * the middle.
 */
const act = async (app: App, isReloaded: boolean, world: World): Promise<void> => {
  const { random } = world
  const running: Promise<void>[] = []
  for (let step = 1; step <= STEPS; step++) {
    await pause(random() * 150)
    if (isReloaded && step === STEPS / 2) app.reopen()
    if (random() < FAULTS / STEPS) running.push(causeFault(app, world))
    const isTalk = random() < 0.6
    const outcome = isTalk ? talk(app, world) : govern(app, world)
    // `act` waits for the actions of `govern` before it returns. Otherwise, they could append entries after the log was read.
    // `act` does not wait for messages, because a message of a reloaded app may never have an outcome.
    if (!isTalk) running.push(outcome)
    await Promise.race([outcome, pause(STEP_MS)])
  }
  await Promise.all(running)
}

/** Posts messages of the leaver in the public room, and deletes the leaver's account with its messages. */
const leave = async ({ leaver: { api, account }, publicRoom, random }: World): Promise<void> => {
  // Ignores errors of the posts, because the room may be archived, and the process may be restarting.
  for (let at = 0; at < 3; at++) {
    await api.post(publicRoom, `a message that is erased, ${at}`).catch(() => {})
    await pause(random() * 200)
  }
  await until('the account is deleted', () =>
    account.deleteAccount(true).then(
      () => true,
      ({ status }: { status: number }) => status === 401
    )
  )
}

/**
 * Ends the temporary restrictions. In some runs, restarts a process. In others, gives a room another epoch, as after a restore,
 * and restarts all processes.
 */
const interrupt = async (world: World, seed: number): Promise<void> => {
  const { services, counts, random, publicRoom, privateRoom } = world
  await pause(800 + random() * 800)
  const ended = `update @restrictions set until = clock_timestamp()
    where until is not null and room_id in (select id from @rooms where name = any($1))`
  await sql(world, ended, [[publicRoom, privateRoom]])
  if (seed % 4 === 1) {
    await sql(world, `update @rooms set epoch = epoch || 'x' where name = $1`, [publicRoom])
    count(counts.faults, 'changeEpoch')
  }
  if (seed % 2 === 0) return
  // After a change of the epoch, restarts every process, as `fastify-chat epochs renew` asks for.
  for (let process = 0; process < (seed % 4 === 1 ? services.count : 1); process++) {
    await services.restart(process)
    count(counts.faults, 'restart')
  }
}

const markAll = ({ tracks }: App, random: Random): void => {
  for (const track of tracks.values()) {
    if (isClosed(track)) continue
    const chance = random()
    if (chance < 0.3) track.room.markRead()
    else if (chance < 0.6) track.room.markRead(Math.ceil(random() * 10))
    else if (chance < 0.75) track.room.markUnread()
  }
}

const check = async (world: World, callers: readonly Caller[]): Promise<void> => {
  const { apps, rooms, wrong, privateRoom, counts } = world
  const heads = await Promise.all(callers.map(caller => headsOf(world, caller)))
  const folded = new Map<string, FoldedRoom>()
  for (const info of rooms.values()) {
    const readers = callers.filter((_, at) => heads[at]?.has(info.name))
    const reader = readers.find(({ id }) => info.roles.get(id) === 'owner') ?? readers[0]
    if (!reader) continue
    const room = await readRoom(world, info, reader)
    folded.set(info.name, room)
    await checkHttp(world, room, readers.find(({ id }) => room.rules.roles.get(id) === 'owner') ?? reader)
  }
  for (const [at, app] of apps.entries()) {
    const caller = callers[at] as Caller
    for (const track of app.tracks.values()) {
      const room = folded.get(track.name)
      if (!room) continue
      const found = [...leaksTo(app, room), ...checkEvents(track, room), ...checkOutgoing(app, track, room)]
      if (heads[at]?.has(track.name)) found.push(...(await checkView(track, caller)), ...checkSettings(track, room))
      else found.push(...(await checkForgotten(track)))
      counts.deliveries += track.looped.length
      wrong.push(...found.map(what => `${app.name} in ${track.name}: ${what}`))
    }
    wrong.push(...(await checkInbox(app, caller, [...folded.values()])).map(what => `${app.name}: ${what}`))
  }
  const owner = callers.find(({ id }) => folded.get(privateRoom)?.rules.roles.get(id) === 'owner')
  if (owner) await checkDeletion(world, owner)
}

/** Deletes the private room. Every client must forget it. */
const checkDeletion = async ({ apps, privateRoom, wrong, random }: World, { moderation }: Caller): Promise<void> => {
  await moderation.deleteRoom(privateRoom)
  const tracks = apps.flatMap(({ tracks }) => tracks.get(privateRoom) ?? [])
  await until('everyone has left the deleted room', () => tracks.every(isClosed))
  for (const track of tracks) wrong.push(...(await checkForgotten(track)))
  const app = pick(apps, random)
  if (app?.inbox.state.rooms.some(({ room }) => room === privateRoom))
    await until(
      'the deleted room is not in the inbox',
      () => !app.inbox.state.rooms.some(({ room }) => room === privateRoom)
    )
}
