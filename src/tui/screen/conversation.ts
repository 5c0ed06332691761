/** Holds the state of the chat screen (the current room and its notices) and runs the user's commands. Renders nothing. */
import {
  type ChatClient,
  type ConnectionState,
  createInbox,
  type MembershipFrame,
  type Room,
  type RoomState,
  type Timers
} from '../../../client/src/index.ts'
import { systemTimers } from '../../../client/src/platform.ts'
import type { Apis } from '../apis.ts'
import { HELP, type Input, parseInput } from './commands.ts'
import { createDirectory } from './directory.ts'
import { runMessageCommand } from './message-commands.ts'
import { runRoomCommand } from './room-commands.ts'
import { membershipLine, pinLine, roomLines } from './room-lines.ts'
import { unreadLine } from './unread.ts'

const PAGE = 50
/** Timers that do not delay the end of the program. */
const TIMERS: Timers = {
  ...systemTimers,
  after(ms, work) {
    const timer = setTimeout(work, ms).unref()
    return () => clearTimeout(timer)
  }
}
const MAX_NOTICES = 200

/** A line that is not a message, such as the output of a command. */
export interface Notice {
  readonly key: string
  readonly text: string
  /** The `seq` of the message that the notice follows; undefined until the newest page is loaded. */
  readonly after: number | undefined
}

/** A snapshot of the state. Each change creates a new object. */
export interface View {
  readonly name: string
  /** The room as the title of the screen shows it. */
  readonly label: string
  /** The name of the user, for the title and for unsent messages. */
  readonly username: string
  readonly room: RoomState
  readonly notices: readonly Notice[]
  readonly connection: ConnectionState
  /** Whether long messages are shown in full. */
  readonly isUnfolded: boolean
  /** Whether the `seq` of each message is shown as its number. */
  readonly hasNumbers: boolean
  /** The line about unread messages in other rooms. Empty if there are none. */
  readonly unread: string
  /** The ids of the users whom this user has blocked. A change creates a new set. */
  readonly blocked: ReadonlySet<number>
}

export interface ConversationOptions {
  readonly client: ChatClient
  readonly apis: Apis
  /** The name of the first room. */
  readonly room: string
  /** Returns the username to show until the service has sent the name. */
  readonly userOf: () => string
}

export interface Conversation {
  readonly view: View
  /** Calls `listener` after each change, until the returned function is called. */
  subscribe(listener: () => void): () => void
  /** Sends a message or runs a command. Returns whether the user wants to quit. */
  submit(text: string): boolean
  /** Loads the previous page of history. */
  loadOlder(): void
  typing(): void
  /** Marks the messages of the current room up to `upTo` as read. If `upTo` is undefined, marks all entries as read. */
  seen(upTo: number | undefined): void
}

/** Creates the conversation, opens the inbox, subscribes to the first room and loads its newest page. */
export const createConversation = ({ client, apis, userOf, ...options }: ConversationOptions): Conversation => {
  const listeners = new Set<() => void>()
  const notices = new Map<string, Notice[]>()
  const inbox = createInbox(client, { timers: TIMERS })
  const directory = createDirectory(client, inbox)
  let count = 0
  let isUnfolded = false
  let hasNumbers = false
  let blocked: ReadonlySet<number> = new Set()
  let stop = (): void => {}
  let room: Room
  let view: View

  /** Returns the `seq` that a new notice follows: 0 in an empty room, and undefined until the newest page is loaded. */
  const lastSeq = ({ state: { messages, status, hasOlder } }: Room = room): number | undefined => {
    return messages.at(-1)?.seq ?? (status === 'live' && !hasOlder ? 0 : undefined)
  }

  const changed = (): void => {
    const placed = (notices.get(room.name) ?? []).map(one =>
      one.after === undefined ? { ...one, after: lastSeq() } : one
    )
    notices.set(room.name, placed)
    const username = client.identity?.username ?? userOf()
    const unread = unreadLine(inbox.state, room.name, directory.labelOfItem)
    const shown = { label: directory.labelOf(room), isUnfolded, hasNumbers, unread, blocked }
    view = { name: room.name, username, room: room.state, notices: placed, connection: client.state, ...shown }
    for (const listener of listeners) listener()
  }

  /** Adds notices to a room. If the user has gone to another room in the meantime, shows them when the user returns. */
  const notifyIn = (at: Room, ...texts: string[]): void => {
    const added = texts.map(text => ({ key: `n${++count}`, text, after: lastSeq(at) }))
    notices.set(at.name, [...(notices.get(at.name) ?? []), ...added].slice(-MAX_NOTICES))
    if (at.name === room.name) changed()
  }
  const notify = (...texts: string[]): void => notifyIn(room, ...texts)
  const notifyError = (at: Room, error: unknown): void =>
    notifyIn(at, error instanceof Error ? error.message : String(error))

  /** Removes the notices and the cached names of a room that the user may no longer read. */
  const forget = (at: Room): void => {
    notices.delete(at.name)
    directory.forget(at.name)
  }

  const loadLabel = async (): Promise<void> => {
    // Without the identity, the directory can't distinguish the user from the other members of a direct room.
    if (client.identity && (await directory.load(room.name))) changed()
  }

  const setBlocked = (userId: number, isBlocked: boolean): void => {
    const others = [...blocked].filter(id => id !== userId)
    blocked = new Set(isBlocked ? [...others, userId] : others)
    changed()
  }

  /** Loads the blocked users. Ignores errors, because a service without accounts of its own has no blocks. */
  const loadBlocked = async (): Promise<void> => {
    const blocks = await apis.safety.blocks().catch(() => undefined)
    if (!blocks?.blocks) return
    blocked = new Set(blocks.blocks.map(({ user_id }) => user_id))
    changed()
  }

  const describeMembership = async (entry: MembershipFrame, at: Room): Promise<void> => {
    const userId = client.identity?.user_id
    // Shows no line for this entry, because the command `/leave` shows its own notice.
    if (entry.event === 'left' && entry.subject === userId) return
    const name = await directory.subjectOf(entry, at)
    if (at === room) notify(membershipLine(entry, name, userId))
  }

  const openRoom = (at: string, notice?: string): void => {
    stop()
    isUnfolded = false
    const opened = client.room(at)
    room = opened
    let isGone = isUnreadable(opened.state)
    const stops = [
      room.on('change', state => {
        const isStillReadable = !isUnreadable(state)
        if (!isStillReadable && !isGone) forget(opened)
        isGone = !isStillReadable
        changed()
      }),
      room.on('membership', entry => void describeMembership(entry, opened)),
      room.on('room', entry => notify(...roomLines(entry, client.identity?.user_id))),
      room.on('update', entry => entry.type === 'pin' && notify(pinLine(entry, client.identity?.user_id))),
      room.on('person', ({ event, username }) => notify(`${username} ${event}`)),
      room.on('resync', ({ isReplaced }) => isReplaced && notify('Messages were skipped here. Scroll up to load them.'))
    ]
    stop = () => stops.forEach(one => void one())
    if (room.state.messages.length === 0) room.older(PAGE).catch(error => notifyError(opened, error))
    if (notice === undefined) changed()
    else notify(notice)
    void loadLabel()
  }

  const goTo = async (text: string): Promise<void> => {
    const from = room
    const found = await directory.roomOf(text)
    // Does nothing if the user has gone to another room in the meantime.
    if (from !== room) return
    if (found === undefined) notify(`There is no room with the title ${text}. Type /rooms for a list.`)
    else openRoom(found)
  }

  const who = (): void => {
    const { presence } = room.state
    const names = presence?.users?.map(user => user.username).join(', ')
    notify(
      presence
        ? `${presence.count} here${names ? `: ${names}` : ''}`
        : 'The list of online users is not available yet. Try again in a few seconds.'
    )
  }

  const fold = (next: boolean): void => {
    isUnfolded = next
    changed()
  }

  const number = (): void => {
    hasNumbers = !hasNumbers
    changed()
  }

  const failed = () => [...room.state.outgoing, ...room.state.changes].filter(({ status }) => status === 'failed')

  /** Returns the messages that slow mode delays. */
  const delayed = () =>
    room.state.outgoing.filter(({ status, waitsUntil }) => status === 'pending' && waitsUntil !== undefined)

  const run = (input: Input): unknown => {
    if (input.kind === 'text') return room.send(input.text)
    if (input.kind === 'unknown') return notify(`Unknown command /${input.name}. Type /help for a list.`)
    if (input.kind === 'room') return goTo(input.room)
    if (input.kind === 'help') return notify(...HELP)
    const at = room
    if (input.kind === 'rooms')
      return directory.list().then(
        text => notifyIn(at, text),
        error => notifyError(at, error)
      )
    if (input.kind === 'who') return who()
    if (input.kind === 'more') return fold(!isUnfolded)
    if (input.kind === 'numbers') return number()
    if ('seq' in input) {
      const hint = runMessageCommand(input, room, client.identity?.user_id)
      return hint && notify(hint)
    }
    if ('argument' in input) {
      const notifyHere = (text: string): void => notifyIn(at, text)
      const shared = { api: client.api, apis, inbox, openRoom, setBlocked }
      return runRoomCommand(input, { ...shared, room: at.name, notify: notifyHere })
    }
    if (input.kind === 'retry') for (const { nonce } of failed()) room.retry(nonce)
    if (input.kind === 'discard') for (const { nonce } of [...failed(), ...delayed()]) room.discard(nonce)
  }

  client.on('state', changed)
  client.on('identity', () => {
    void loadLabel()
    void loadBlocked()
  })
  openRoom(options.room)
  inbox.on('change', changed)

  return {
    get view() {
      return view
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    submit(text) {
      const input = parseInput(text)
      if (input.kind === 'quit') return true
      run(input)
      return false
    },
    loadOlder() {
      if (room.state.hasOlder && !room.state.isLoadingOlder) {
        const at = room
        at.older(PAGE).catch(error => notifyError(at, error))
      }
    },
    typing: () => room.typing(),
    seen: upTo => room.markRead(upTo)
  }
}

/** Returns whether the user may no longer read a room, or never could. */
const isUnreadable = ({ status, error }: RoomState): boolean =>
  (status === 'left' || status === 'refused') && error !== undefined && error.code !== 'too_many_rooms'
