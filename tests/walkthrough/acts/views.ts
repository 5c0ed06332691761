/** Compares the messages that every page and terminal shows in each room with those that HTTP returns to the same user. */
import assert from 'node:assert/strict'
import type { Api } from '../api.ts'
import type { PersonPage } from '../person.ts'
import type { Stage } from '../stage.ts'
import type { Terminal } from '../terminal.ts'
import { until } from '../until.ts'

interface Item {
  readonly seq: number
  readonly username: string
  readonly content: string | null
  readonly edited_at?: string
  readonly pinned?: boolean
  readonly reply?: { readonly username?: string; readonly excerpt?: string }
  readonly reactions?: readonly { readonly key: string; readonly count: number }[]
}

interface Room {
  readonly room: string
  readonly title: string | null
  readonly visibility: string
  readonly people?: readonly { readonly username: string }[]
}

const loadItems = async (api: Api, room: string): Promise<{ items: Item[]; mine: Record<string, string[]> }> => {
  const { messages, mine = {}, has_more: hasMore } = await api.call('GET', `/rooms/${room}/messages?limit=200`)
  assert.equal(hasMore, false, `${room} has more messages than the views show`)
  return { items: messages, mine }
}

/** Returns what the page should show of a message, in the form of `READ_LINES`. */
const pageLineOf = (
  { seq, content, edited_at, pinned, reply, reactions = [] }: Item,
  mine: readonly string[] = []
) => ({
  seq: String(seq),
  text:
    content === null
      ? 'This message was deleted.'
      : `${pinned ? 'Pinned: ' : ''}${content}${edited_at ? ' (edited)' : ''}`,
  quote: reply ? `${reply.username} ${reply.excerpt ?? 'Message deleted'}` : '',
  reactions: reactions.map(({ key, count }) => `${key} ${count}${mine.includes(key) ? ' own' : ''}`)
})

/**
 * Runs in the browser. Returns the texts, quotes and reactions of the messages. Omits the buttons that fold a text, and the texts
 * for screen readers except `Pinned: `.
 */
const READ_LINES = `[...document.querySelectorAll('.line')].map(line => {
  const bubble = line.querySelector('.bubble').cloneNode(true)
  for (const one of bubble.querySelectorAll('.hidden, .fold')) if (one.textContent !== 'Pinned: ') one.remove()
  return {
    seq: line.dataset.seq,
    text: bubble.textContent,
    quote: line.querySelector('.quote')?.textContent.replace('In reply to ', '') ?? '',
    reactions: [...line.querySelectorAll('.reaction')].map(button =>
      button.textContent.replace(/ reactions?$/, '') + (button.ariaPressed === 'true' ? ' own' : ''))
  }
})`

const comparePage = async (person: PersonPage, api: Api, { room }: Room): Promise<void> => {
  await person.page.evaluate(`location.hash = ${JSON.stringify(room)}`)
  await until(`the page shows #${room} as HTTP does`, async () => {
    const { items, mine } = await loadItems(api, room)
    // Loads older messages, which the page does when the user scrolls up.
    await person.page.evaluate(`document.querySelector('.list').scrollTop = 0`)
    for (const more of await person.page.locator('.fold[aria-expanded=false]').all()) await more.click()
    const shown = (await person.page.evaluate(READ_LINES)) as unknown[]
    assert.deepEqual(
      shown,
      items.map(item => pageLineOf(item, mine[item.seq]))
    )
    return true
  })
}

/** Returns the rows that the terminal client should show of a message. */
const rowsOf = (
  { seq, username, content, edited_at, pinned, reply, reactions = [] }: Item,
  mine: readonly string[] = []
) => {
  const text = `${content ?? '(deleted)'}${content !== null && edited_at ? ' (edited)' : ''}${pinned ? ' (pinned)' : ''}`
  const [first, ...more] = text.split('\n')
  const shown = reactions.map(({ key, count }) => (mine.includes(key) ? `[${key} ${count}]` : `${key} ${count}`))
  return [
    ...(reply ? [`┌ ${reply.username}: ${reply.excerpt ?? '(deleted)'}`] : []),
    `#${seq} ${username} ${first}`,
    ...more,
    ...(shown.length > 0 ? [shown.join('  ')] : [])
  ]
}

const NOT_A_MESSAGE = /^(\* |──|unread:)/
const BEGINS_MESSAGE = /^(#\d+ | +┌ )/

/**
 * Returns the rows of messages on the screen, without their times. Omits the title, notices, dates and the lines below the
 * messages.
 */
const rowsOn = (screen: string): string[] => {
  let isMessage = false
  const rows = screen
    .replace(/\n>[\s\S]*$/, '')
    .split('\n')
    .slice(1)
  return rows.flatMap(row => {
    // A notice, like a message, may have more rows after the first.
    if (NOT_A_MESSAGE.test(row)) isMessage = false
    if (BEGINS_MESSAGE.test(row)) isMessage = true
    return isMessage && row.trim() !== '' ? row.trim().replace(/^(#\d+) \d\d:\d\d /, '$1 ') : []
  })
}

const compareTerminal = async (terminal: Terminal, api: Api, { room }: Room): Promise<void> => {
  await terminal.type(`/room ${room}`)
  await terminal.type('/more')
  await until(`the terminal shows #${room} as HTTP does`, async () => {
    await terminal.loadOlder()
    const { items, mine } = await loadItems(api, room)
    assert.deepEqual(
      rowsOn(await terminal.screen()),
      items.flatMap(item => rowsOf(item, mine[item.seq]))
    )
    return true
  })
}

export const compareViews = async ({ ada, bob, mia, mias, api, asAda, asBob }: Stage): Promise<void> => {
  for (const [views, reader] of [
    [[ada], asAda],
    [[bob], asBob],
    [[mia, mias], api]
  ] as const) {
    const { rooms } = await reader.call('GET', '/rooms?limit=100')
    for (const room of rooms as Room[]) {
      for (const view of views) await ('page' in view ? comparePage : compareTerminal)(view as never, reader, room)
    }
  }
  for (const { complaints } of [ada, mia]) {
    // Ignores other lines: the console also lists refusals, and requests that failed while a process was down.
    assert.deepEqual(
      complaints.filter(text => /^uncaught|Content Security Policy/.test(text)),
      []
    )
  }
}
