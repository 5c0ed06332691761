/** Keeps the inbox of a client by the rules of docs/protocol.md: from the first frame and the changes after it. */

/** The fields that are compared with the inbox that is loaded over HTTP. */
export interface InboxItem {
  readonly room: string
  readonly messages: number
  readonly read_messages: number
  readonly mentions: number
  readonly marked_unread: boolean
  readonly last?: {
    readonly seq: number
    readonly user_id: number
    readonly excerpt?: string
    readonly unavailable?: string
  }
}

type Update = Partial<InboxItem> & Pick<InboxItem, 'room'>

export interface InboxView {
  handle(frame: { readonly [field: string]: unknown }): void
  /** Returns the items, sorted by the names of the rooms. */
  items(): InboxItem[]
}

/** Returns the compared fields of items, sorted by the names of the rooms. */
export const compared = (items: readonly InboxItem[]): InboxItem[] =>
  items
    .map(({ room, messages, read_messages, mentions, marked_unread, last }) => ({
      room,
      messages,
      read_messages,
      mentions,
      marked_unread,
      ...(last ? { last: { seq: last.seq, user_id: last.user_id, ...textOf(last) } } : {})
    }))
    .sort((one, other) => (one.room < other.room ? -1 : 1))

const textOf = ({ excerpt, unavailable }: NonNullable<InboxItem['last']>) =>
  unavailable === undefined ? { excerpt: excerpt ?? '' } : { unavailable }

export const createInboxView = (): InboxView => {
  const items = new Map<string, InboxItem>()
  return {
    handle(frame) {
      if (frame.first) items.clear()
      for (const room of (frame.removed ?? []) as string[]) items.delete(room)
      for (const update of (frame.rooms ?? []) as Update[]) {
        const known = items.get(update.room)
        // An update without `read_messages` has only the fields that are the same for all users. Such an update of an unknown
        // room is ignored, because a later frame has the whole room.
        if (known || update.read_messages !== undefined) items.set(update.room, { ...known, ...update } as InboxItem)
      }
    },
    items: () => compared([...items.values()])
  }
}
