/** What the chat screen shows and does, without the screen: the room that is looked at, notices beside its messages, commands. */
import type { ChatClient, ConnectionState, Room, RoomState } from '../../client/index.ts'
import { HELP, type Input, readInput } from './commands.ts'

const PAGE = 50
const NOTICES_KEPT = 200

/** A line that is no message; shown after the message `after`. */
export interface Notice {
  readonly key: string
  readonly text: string
  /** Undefined until there is a message to stand after. */
  readonly after: number | undefined
}

/** A snapshot: another object after each change. */
export interface View {
  readonly name: string
  /** Whose messages the unsent ones are. */
  readonly username: string
  readonly room: RoomState
  readonly notices: readonly Notice[]
  readonly connection: ConnectionState
  /** Whether long messages are shown whole. */
  readonly isUnfolded: boolean
}

export interface Conversation {
  readonly view: View
  /** Calls back after each change, until the returned function is called. */
  subscribe(listener: () => void): () => void
  /** Sends a text, or does what a command says; answers whether the user wants to leave. */
  enter(text: string): boolean
  /** Loads the page before. */
  older(): void
  typing(): void
}

/** Makes it; it follows the room `name` at once, and loads its newest page. `userOf` is asked while nobody has been greeted. */
export const createConversation = (client: ChatClient, name: string, userOf: () => string): Conversation => {
  const listeners = new Set<() => void>()
  const notices = new Map<string, Notice[]>()
  let count = 0
  let isUnfolded = false
  let stop = (): void => {}
  let room: Room
  let view: View

  /** What a notice of now stands after; not known before the newest page is there. */
  const last = (): number | undefined => {
    const { messages, status, hasOlder } = room.state
    return messages.at(-1)?.seq ?? (status === 'live' && !hasOlder ? 0 : undefined)
  }

  const changed = (): void => {
    const placed = (notices.get(room.name) ?? []).map(one =>
      one.after === undefined ? { ...one, after: last() } : one
    )
    notices.set(room.name, placed)
    const username = client.identity?.username ?? userOf()
    view = { name: room.name, username, room: room.state, notices: placed, connection: client.state, isUnfolded }
    for (const listener of listeners) listener()
  }

  const tell = (...texts: string[]): void => {
    const told = texts.map(text => ({ key: `n${++count}`, text, after: last() }))
    notices.set(room.name, [...(notices.get(room.name) ?? []), ...told].slice(-NOTICES_KEPT))
    changed()
  }
  const complain = (error: unknown): void => tell(error instanceof Error ? error.message : String(error))

  const look = (at: string): void => {
    stop()
    isUnfolded = false
    room = client.room(at)
    const ends = [
      room.on('change', changed),
      room.on('person', ({ event, username }) => tell(`${username} ${event}`)),
      room.on(
        'resync',
        ({ isReplaced }) => isReplaced && tell('Some messages were left out here; scroll up to read them.')
      )
    ]
    stop = () => ends.forEach(end => void end())
    if (room.state.messages.length === 0) room.older(PAGE).catch(complain)
    changed()
  }

  const listRooms = async (): Promise<void> => {
    const { rooms } = await client.api.rooms({ limit: 100 })
    tell(`Rooms: ${rooms.map(one => one.room).join(', ')}`)
  }

  const who = (): void => {
    const { presence } = room.state
    const names = presence?.users?.map(user => user.username).join(', ')
    tell(presence ? `${presence.count} here${names ? `: ${names}` : ''}` : 'Not known at the moment.')
  }

  const fold = (next: boolean): void => {
    isUnfolded = next
    changed()
  }

  const failed = () => room.state.outgoing.filter(message => message.status === 'failed')

  const obey = (input: Input): unknown => {
    if (input.kind === 'text') return room.send(input.text)
    if (input.kind === 'unknown') return tell(`There is no command /${input.name}. /help lists them.`)
    if (input.kind === 'room') return look(input.room)
    if (input.kind === 'help') return tell(...HELP)
    if (input.kind === 'rooms') return listRooms().catch(complain)
    if (input.kind === 'who') return who()
    if (input.kind === 'more') return fold(!isUnfolded)
    for (const { nonce } of failed()) {
      if (input.kind === 'retry') room.retry(nonce)
      else room.discard(nonce)
    }
  }

  client.on('state', changed)
  look(name)

  return {
    get view() {
      return view
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    enter(text) {
      const input = readInput(text)
      if (input.kind === 'quit') return true
      obey(input)
      return false
    },
    older() {
      if (room.state.hasOlder && !room.state.isLoadingOlder) room.older(PAGE).catch(complain)
    },
    typing: () => room.typing()
  }
}
