/**
 * Defines the commands with which users protect themselves (blocks and reports), hide direct rooms and list pinned messages.
 */
import type { ChatApi } from '../../../client/src/index.ts'
import { safeLine } from '../safe-text.ts'
import { cut } from './cells.ts'
import { type Command, NAME, NOTHING } from './command-types.ts'
import { findPerson, isNamed } from './users.ts'

/** Maximum number of pinned messages that `/pins` lists. */
const PINS = 50
/** Maximum width in cells of a line that `/pins` shows. */
const PIN_WIDTH = 120

type Pin = Awaited<ReturnType<ChatApi['pins']>>['messages'][number]

const pinText = ({ seq, username, content }: Pin): string =>
  cut(safeLine(`#${seq} ${username}: ${content ?? '(not available)'}`), PIN_WIDTH)

export const SAFETY_COMMANDS = {
  pins: {
    usage: 'Type /pins without a text.',
    pattern: NOTHING,
    async run(_, { api, room, notify }) {
      const { messages, has_more: hasMore } = await api.pins(room, { limit: PINS })
      if (messages.length === 0) return notify('This room has no pinned messages. /pin #NUMBER pins one.')
      const title = hasMore ? `The ${PINS} newest pinned messages:` : 'Pinned messages, newest pin first:'
      notify([title, ...messages.map(pinText)].join('\n'))
    }
  },
  report: {
    usage: 'Type /report #NUMBER, or /report #NUMBER REASON. /numbers shows the numbers.',
    pattern: /^#?(\d{1,15})(?:\s+(.+))?$/s,
    async run([seq, reason], { apis, room, notify }) {
      await apis.safety.report(room, Number(seq), reason)
      notify(
        `You reported #${seq}. The moderators decide whether to delete it. /block NAME hides messages of its author.`
      )
    }
  },
  block: {
    usage: 'Type /block NAME.',
    pattern: NAME,
    async run([name = ''], { api, apis, room, notify, setBlocked }) {
      const { user_id, username } = await findPerson(api, room, name)
      await apis.safety.block(user_id)
      setBlocked(user_id, true)
      notify(`You blocked ${username}. Messages of ${username} are hidden. /unblock ${username} ends it.`)
    }
  },
  unblock: {
    usage: 'Type /unblock NAME.',
    pattern: NAME,
    async run([name = ''], { apis, notify, setBlocked }) {
      const { blocks } = await apis.safety.blocks()
      const block = blocks.find(isNamed(name))
      if (!block) {
        const names = blocks.map(({ username }) => username).join(', ')
        throw new Error(`You have not blocked ${name}.${names === '' ? '' : ` You have blocked: ${names}`}`)
      }
      await apis.safety.unblock(block.user_id)
      setBlocked(block.user_id, false)
      notify(`You no longer block ${block.username}.`)
    }
  },
  hide: {
    usage: 'Type /hide without a text.',
    pattern: NOTHING,
    async run(_, { inbox, room, notify }) {
      await inbox.hide(room)
      notify('This room is hidden from /rooms until its next message.')
    }
  }
} satisfies Record<string, Command>
