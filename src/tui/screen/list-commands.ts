/** Defines the commands that list restrictions, reports and invitations, resolve reports, and revoke invitations. */
import type { Report, ReportDecision, Restriction, RoomInvitationList } from '../../../client/src/index.ts'
import { safeLine } from '../safe-text.ts'
import { cut } from './cells.ts'
import { type Command, type CommandOptions, NOTHING } from './command-types.ts'
import { dayAndTimeOf } from './times.ts'

/** Maximum number of users or reports in a list. */
const LIMIT = 50
/** Maximum width of a line in cells. */
const WIDTH = 160
const NUMBER = /^(\d{1,15})$/

const lineOf = (text: string): string => cut(safeLine(text), WIDTH)

/** Returns the name of a user, or a description of a user whose account was deleted. */
const nameOf = (user: { readonly username?: string } | null): string => user?.username ?? 'a deleted user'

const restrictionLine = ({ username, kind, until, reason }: Restriction): string => {
  const end = until === undefined ? 'without an end' : `until ${dayAndTimeOf(until)}`
  return lineOf(`${username} is ${kind === 'ban' ? 'banned' : 'muted'} ${end}${reason ? `: ${reason}` : ''}`)
}

const reportLine = ({ id, seq, author, reporter, content, reason }: Report): string =>
  lineOf(
    `Report ${id}: #${seq} ${nameOf(author)}: ${content ?? '(not available)'} (by ${nameOf(reporter)}${reason ? `: ${reason}` : ''})`
  )

const invitationLine = ({ id, username, uses_left, expires_at }: RoomInvitationList['invitations'][number]): string =>
  lineOf(`Invitation ${id}: by ${username}, ${uses_left} left, until ${dayAndTimeOf(expires_at)}`)

/** Shows the lines of a list below its title. If the list is empty, shows the sentence that is passed as `none`. */
const show = (
  { notify }: CommandOptions,
  { title, lines, none, hasMore = false }: { title: string; lines: string[]; none: string; hasMore?: boolean }
): void =>
  notify(lines.length === 0 ? none : [`${title}${hasMore ? ` (the first ${LIMIT})` : ''}:`, ...lines].join('\n'))

/** Returns the command that resolves a report. */
const resolution = (name: string, outcome: ReportDecision, done: string): Command => ({
  usage: `Type /${name} NUMBER, with a number of /reports.`,
  pattern: NUMBER,
  async run([id], { apis, room, notify }) {
    await apis.moderation.resolveReport(room, Number(id), outcome)
    notify(done)
  }
})

export const LIST_COMMANDS = {
  restrictions: {
    usage: 'Type /restrictions without a text.',
    pattern: NOTHING,
    async run(_, options) {
      const page = await options.apis.moderation.restrictions(options.room, { limit: LIMIT })
      show(options, {
        title: 'Muted and banned users. /unmute NAME and /unban NAME end it',
        lines: page.restrictions.map(restrictionLine),
        none: 'Nobody is muted or banned in this room.',
        hasMore: page.has_more
      })
    }
  },
  reports: {
    usage: 'Type /reports without a text.',
    pattern: NOTHING,
    async run(_, options) {
      const page = await options.apis.moderation.reports(options.room, { state: 'open', limit: LIMIT })
      show(options, {
        title: 'Open reports. /resolve NUMBER deletes the message, /dismiss NUMBER keeps it',
        lines: page.reports.map(reportLine),
        none: 'This room has no open reports.',
        hasMore: page.has_more
      })
    }
  },
  resolve: resolution('resolve', 'deleted', 'The message was deleted, and the report is resolved.'),
  dismiss: resolution('dismiss', 'dismissed', 'The report is dismissed, and the message stays.'),
  invitations: {
    usage: 'Type /invitations without a text.',
    pattern: NOTHING,
    async run(_, options) {
      const { invitations } = await options.apis.invitations.list(options.room)
      show(options, {
        title: 'Invitations to this room. /revoke NUMBER ends one',
        lines: invitations.map(invitationLine),
        none: 'This room has no invitation that can be used. /invite creates one.'
      })
    }
  },
  revoke: {
    usage: 'Type /revoke NUMBER, with a number of /invitations.',
    pattern: NUMBER,
    async run([id], { apis, room, notify }) {
      await apis.invitations.revoke(room, Number(id))
      notify(`Nobody can use the invitation ${id} any more.`)
    }
  }
} satisfies Record<string, Command>
