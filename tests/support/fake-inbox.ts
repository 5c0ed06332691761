/** Provides a fake of the SDK's inbox for tests of the page. */
import type { Inbox, InboxItem, InboxState } from '../../client/src/index.ts'

export interface FakeInbox extends Inbox {
  /** The calls of functions that change the inbox, such as `unread tea`. */
  readonly calls: string[]
  /** Replaces the rooms. The inbox is live afterwards. */
  show(...rooms: (Partial<InboxItem> & { readonly room: string })[]): void
}

const TOTAL = { unread_rooms: 0, mentions: 0 }

export const inboxItem = (item: Partial<InboxItem> & { readonly room: string }): InboxItem => ({
  title: item.room,
  visibility: 'public',
  role: 'member',
  seq: 10,
  messages: 10,
  read_messages: 10,
  unread: 0,
  mentions: 0,
  marked_unread: false,
  ...item
})

export const fakeInbox = (status: InboxState['status'] = 'unsupported'): FakeInbox => {
  const listeners = new Set<(state: InboxState) => void>()
  let state: InboxState = { status, rooms: [], total: TOTAL, hasMore: false }
  const calls: string[] = []
  const call =
    (name: string) =>
    async (room: string): Promise<void> =>
      void calls.push(`${name} ${room}`)
  return {
    calls,
    get state() {
      return state
    },
    show(...rooms) {
      state = { status: 'live', rooms: rooms.map(inboxItem), total: TOTAL, hasMore: false }
      for (const listener of listeners) listener(state)
    },
    more: async () => false,
    markRead: call('read'),
    markUnread: call('unread'),
    hide: call('hide'),
    close: () => listeners.clear(),
    on(_, listener) {
      listeners.add(listener as (state: InboxState) => void)
      return () => listeners.delete(listener as (state: InboxState) => void)
    }
  }
}
