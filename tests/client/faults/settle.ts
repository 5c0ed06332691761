/** Ends the faults of a run, and waits until every user has received everything. */
import type { SqlClient } from '../../../src/db/client/types.ts'
import type { App } from './app.ts'
import { endFaults } from './network.ts'
import { pause, until } from './random.ts'
import { lastSeqOf } from './track.ts'
import type { Caller, World } from './world.ts'

/** Runs a statement on the schema of the run. `@` stands for the schema. */
export const sql = ({ services }: World, text: string, params: readonly unknown[] = []) =>
  (services.database.client as SqlClient).query<Record<string, unknown>>(
    text.replaceAll('@', `"${services.database.schema}".`),
    [...params]
  )

const describe = ({ name, client, tracks }: App): string =>
  `${name}: ${JSON.stringify(client.state)}, ${[...tracks.values()]
    .map(track => {
      const { status, outgoing, changes, error } = track.room.state
      const pending = [...outgoing, ...changes].map(one => `${one.type} ${one.status}`)
      return `${track.name} ${status} ${error?.code ?? ''} at ${lastSeqOf(track)} [${pending}]`
    })
    .join('; ')}`

const isAcknowledged = ({ tracks }: App): boolean =>
  [...tracks.values()].every(({ room }) =>
    [...room.state.outgoing, ...room.state.changes].every(({ status }) => status !== 'pending')
  )

/**
 * Sends a last message in the public room. The message is lost on the connections of the other users. Only a `heads` frame
 * reveals the gap to their clients.
 */
const sendLastMessage = async ({ apps, publicRoom }: World, { api }: Caller): Promise<void> => {
  const [speaker, ...others] = apps
  const track = speaker?.tracks.get(publicRoom)
  if (!track) return
  await api.changeRoom(publicRoom, { archived: false }).catch(() => {})
  for (const { loss } of others) loss.percent = 100
  const { nonce } = track.room.send(`${speaker?.name} sends the last message`)
  track.sent.push(nonce)
  await track.room.settled(nonce)
  await pause(50)
  for (const { loss } of others) loss.percent = 0
}

/** Returns the newest `seq` of each room that a user may read, by name. */
export const headsOf = async ({ rooms }: World, { api }: Caller): Promise<Map<string, number>> => {
  const heads = new Map<string, number>()
  for (const name of rooms.keys()) {
    const shown = await api.showRoom(name).catch(({ status, ...error }) => {
      if (status !== 403 && status !== 404)
        throw new Error(`The request for the room ${name} failed with ${status} ${error.code}.`)
      return undefined
    })
    if (shown) heads.set(name, shown.seq)
  }
  return heads
}

/** Waits until the background work is complete: deletions after bans, and the erasure of the account. */
const waitForJobs = async (world: World): Promise<void> => {
  const erasures = `select from @ban_erasures as one join @rooms as room on room.id = one.room_id where room.name = any($1)`
  await until(
    'messages are deleted after bans',
    async () => (await sql(world, erasures, [[...world.rooms.keys()]])).length === 0
  )
  await until('the account is erased', async () => {
    // The job waits two minutes after the request before it erases messages that were appended late. Sets the time of the
    // request back by three minutes, so that the job does not wait.
    await sql(world, `update @deletions set requested_at = requested_at - interval '3 minutes'`)
    const [row] = await sql(world, `select status from @users where id = $1`, [world.leaver.id])
    return row?.status === 'deleted'
  })
}

export const settle = async (world: World, callers: readonly Caller[]): Promise<void> => {
  const { apps } = world
  for (const app of apps) endFaults(app)
  const all = (): string => apps.map(describe).join('\n')
  await until(all, () => apps.every(isAcknowledged))
  await sendLastMessage(world, callers[0] as Caller)
  await waitForJobs(world)
  const isComplete = async (app: App, caller: Caller): Promise<boolean> => {
    for (const [name, head] of await headsOf(world, caller)) {
      const track = app.enter(name)
      const last = lastSeqOf(track)
      // `last` is 0 if the user subscribed after the last entry, and so has received none.
      if (track.room.state.status !== 'live' || (last > 0 && last < head)) return false
    }
    return isAcknowledged(app)
  }
  for (const [at, app] of apps.entries())
    await until(all, async () => {
      if (await isComplete(app, callers[at] as Caller)) return true
      await pause(300)
      return false
    })
}
