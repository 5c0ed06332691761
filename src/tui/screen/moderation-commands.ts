/** Defines the commands of moderators: mutes, bans, slow mode and the archive. */
import type { Restriction, RestrictionList, RestrictionTerms } from '../../../client/src/index.ts'
import { type Command, type CommandOptions, NAME, NOTHING } from './command-types.ts'
import { dayAndTimeOf, durationOf } from './times.ts'
import { findPerson, isNamed } from './users.ts'

/** Matches a name, optionally with a duration such as `30m` or `7d`, and with a reason. */
const RESTRICTION = /^(\S+)(?:\s+(\d{1,4})([mhdw])(?=\s|$))?(?:\s+(.+))?$/s
const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const MAX_SLOW_MODE_SECONDS = 21_600

/** Returns the command that mutes or bans a user. The command also shows the moderator how to end the restriction. */
const restrict = (kind: 'mute' | 'ban'): Command => ({
  usage: `Type /${kind} NAME, or /${kind} NAME 1h REASON. The units are m, h, d and w.`,
  pattern: RESTRICTION,
  async run([name = '', count, unit, reason], { api, apis, room, notify }) {
    const { user_id, username } = await findPerson(api, room, name)
    const ms = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
    const until = count === undefined ? undefined : new Date(Date.now() + ms).toISOString()
    const terms: RestrictionTerms = { ...(until ? { until } : {}), ...(reason ? { reason } : {}) }
    await apis.moderation[kind](room, user_id, terms)
    notify(
      `${username} is ${PARTICIPLES[kind]}${until ? ` until ${dayAndTimeOf(until)}` : ''}. /un${kind} ${username} ends it.`
    )
  }
})

const PARTICIPLES = { mute: 'muted', ban: 'banned' }

const liftOf = (kind: 'mute' | 'ban'): Command => ({
  usage: `Type /un${kind} NAME.`,
  pattern: NAME,
  async run([name = ''], options) {
    const { user_id, username } = await findRestriction(kind, name, options)
    await options.apis.moderation[`un${kind}`](options.room, user_id)
    options.notify(`${username} is no longer ${PARTICIPLES[kind]}.`)
  }
})

/**
 * Finds a restriction by the name of the user. Searches the list of restrictions, because a banned user is not a member, and a
 * service may have no search for users.
 */
const findRestriction = async (
  kind: Restriction['kind'],
  name: string,
  { apis, room }: CommandOptions
): Promise<Restriction> => {
  let after: number | undefined
  do {
    const page: RestrictionList = await apis.moderation.restrictions(room, after === undefined ? {} : { after })
    const found = page.restrictions.find(one => one.kind === kind && isNamed(name)(one))
    if (found) return found
    after = page.next
  } while (after !== undefined)
  throw new Error(`${name} is not ${PARTICIPLES[kind]} in this room.`)
}

const archive = (archived: boolean): Command => ({
  usage: `Type ${archived ? '/archive' : '/unarchive'} without a text.`,
  pattern: NOTHING,
  async run(_, { api, room }) {
    await api.changeRoom(room, { archived })
  }
})

export const MODERATION_COMMANDS = {
  mute: restrict('mute'),
  unmute: liftOf('mute'),
  ban: restrict('ban'),
  unban: liftOf('ban'),
  slow: {
    usage: `Type /slow SECONDS, at most ${MAX_SLOW_MODE_SECONDS} (${durationOf(MAX_SLOW_MODE_SECONDS)}). /slow 0 turns slow mode off.`,
    pattern: /^(\d{1,5})$/,
    async run([seconds], { api, room }) {
      if (Number(seconds) > MAX_SLOW_MODE_SECONDS) throw new Error(MODERATION_COMMANDS.slow.usage)
      await api.changeRoom(room, { slow_mode_seconds: Number(seconds) })
    }
  },
  archive: archive(true),
  unarchive: archive(false)
} satisfies Record<string, Command>
