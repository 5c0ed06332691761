/** Performs random actions of a user in a room: sends a message, changes messages, loads history and moves the read mark. */
import type { Message } from '../../../client/src/index.ts'
import type { App } from './app.ts'
import { pick, type Random } from './random.ts'
import { isClosed, type Track } from './track.ts'
import type { World } from './world.ts'

const KEYS = ['👍', '❤', '+1']

/** Returns a room of the user, in most cases one that the user may read. */
const roomOf = ({ tracks }: App, random: Random): Track | undefined => {
  const all = [...tracks.values()]
  return pick(random() < 0.95 ? all.filter(track => !isClosed(track)) : all, random)
}

const someone = ({ apps, random }: World): readonly number[] => apps.filter(() => random() < 0.4).map(({ id }) => id)

const say = (app: App, track: Track, world: World): string => {
  const { random } = world
  const repliedTo = random() < 0.3 ? pick(track.room.state.messages, random) : undefined
  const { nonce } = track.room.send(`${app.name} says ${track.sent.length + 1}`, {
    ...(repliedTo ? { replyTo: repliedTo.seq } : {}),
    ...(random() < 0.4 ? { mentions: someone(world) } : {})
  })
  track.sent.push(nonce)
  return nonce
}

/** Makes a random change of a message that the app shows. The service decides whether this user may make it. */
const change = (app: App, { room }: Track, world: World): void => {
  const { random } = world
  const message = pick<Message>(
    room.state.messages.filter(({ content }) => content !== null),
    random
  )
  if (!message) return
  const { seq, mine = [], pinned = false, content } = message
  const isOwn = message.user_id === app.id
  const chance = random()
  if (isOwn && chance < 0.5) room.edit(seq, `${content}!`, random() < 0.3 ? { mentions: someone(world) } : {})
  else if (chance < (isOwn ? 0.58 : 0.04)) room.delete(seq, { reason: 'A test' })
  else if (chance > 0.85) room.pin(seq, { remove: pinned })
  else {
    const key = pick(KEYS, random) ?? ''
    room.react(seq, key, { remove: mine.includes(key) })
  }
}

const mark = ({ inbox }: App, { name, room }: Track, random: Random): void => {
  const chance = random()
  if (chance < 0.5) room.markRead()
  else if (chance < 0.7) room.markRead(Math.max(1, Math.floor(random() * 20)))
  else if (chance < 0.85) room.markUnread()
  // Ignores errors: the connection may be lost before the response, and the user may have lost the right to read the room.
  else void (random() < 0.5 ? inbox.markRead(name) : inbox.markUnread(name)).catch(() => {})
}

/**
 * Sends a message in a random room. May also change messages, load history, move the read mark, and reopen the room. Resolves
 * when the message has an outcome.
 */
export const talk = async (app: App, world: World): Promise<void> => {
  const { random } = world
  const track = roomOf(app, random)
  if (!track) return
  const nonce = say(app, track, world)
  change(app, track, world)
  if (random() < 0.5) change(app, track, world)
  if (random() < 0.2) void track.room.older(5).catch(() => {})
  if (random() < 0.5) mark(app, track, random)
  if (random() < 0.1) {
    // Closes the room in the user interface, and opens it again.
    track.room.leave()
    app.enter(track.name)
  }
  await track.room.settled(nonce)
}
