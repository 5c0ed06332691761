/**
 * Tests two processes on one database with random edits, deletions, reactions and pins, while clients read history from both.
 * Every response must show each message in a state that the log has had. This state must include all entries up to the `seq` of
 * the response.
 */
import { expect, test } from 'vitest'
import fc, { SEED } from '../../support/properties.ts'
import { startChat } from '../../support/start-chat.ts'

const room = '/api/chat/rooms/general'
const KEYS = ['a', 'b', '❤']

/** The fields of a list item that this test compares. */
interface Item {
  readonly seq: number
  readonly content: string | null
  readonly changed_seq?: number
  readonly pinned?: true
  readonly reactions?: readonly { readonly key: string; readonly count: number }[]
}

interface Entry {
  readonly type: string
  readonly seq: number
  readonly user_id: number
  readonly target?: number
  readonly key?: string
  readonly action?: string
}

/**
 * Returns the state of a message after all entries whose `seq` is at most `upTo`. `texts` maps the `seq` of each message and
 * edit to its text.
 */
const stateOf = (log: readonly Entry[], texts: ReadonlyMap<number, string>, message: number, upTo: number) => {
  let content: string | null | undefined = texts.get(message)
  const users = new Map<string, Set<number>>()
  let isPinned = false
  for (const { type, seq, target, key = '', action, user_id } of log) {
    if (target !== message || seq > upTo) continue
    if (type === 'edit') content = texts.get(seq)
    if (type === 'deletion') {
      content = null
      users.clear()
      isPinned = false
    }
    if (type === 'pin') isPinned = action === 'added'
    if (type !== 'reaction') continue
    const given = users.get(key) ?? new Set()
    users.set(key, given)
    if (action === 'added') given.add(user_id)
    else given.delete(user_id)
  }
  const reactions = [...users].flatMap(([key, { size: count }]) => (count > 0 ? [{ key, count }] : []))
  return { content, isPinned, reactions: reactions.sort(byKey) }
}

const bySeq = (one: number, other: number): number => one - other

const byKey = (one: { key: string }, other: { key: string }): number => (one.key < other.key ? -1 : 1)

const step = fc.record({
  kind: fc.constantFrom(
    'message',
    'edit',
    'edit',
    'delete',
    'react',
    'react',
    'react',
    'unreact',
    'pin',
    'pin',
    'unpin',
    'list',
    'list',
    'older'
  ),
  process: fc.nat(1),
  user: fc.nat(1),
  target: fc.nat(5),
  key: fc.constantFrom(...KEYS)
})

test(`every response shows a state of the log that is not older than its seq (PROPERTY_SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 5, maxLength: 12 }),
      async groups => {
        const settings = { messageRateLimit: 0, readRateLimit: 0 }
        const first = await startChat({ settings })
        const processes = [first, await startChat({ settings, database: first.database })]
        const users = [await first.register('john'), await first.register('jane')]
        await first.database.client.query(
          `insert into "${first.database.schema}".members (room_id, user_id, role)
           select rooms.id, users.id, 'moderator' from "${first.database.schema}".rooms, "${first.database.schema}".users`
        )
        const texts = new Map<number, string>()
        const authors = new Map<number, number>()
        const responses: { seq: number; messages: Item[] }[] = []
        let count = 0

        const act = async ({ kind, process, user, target, key }: (typeof groups)[number][number]): Promise<void> => {
          const { call } = processes[process] ?? first
          const { token = '' } = users[user] ?? {}
          const messages = [...authors.keys()]
          const seq = messages.at(-1 - (target % Math.max(1, messages.length)))
          if (kind === 'list' || kind === 'older') {
            const { body } = await call('GET', `${room}/messages${kind === 'older' ? '?before=4' : ''}`, { token })
            responses.push(body)
            return
          }
          const content = `text ${count++}`
          if (kind === 'message' || seq === undefined) {
            const { body } = await call('POST', `${room}/messages`, { token, body: { content } })
            texts.set(body.seq, content)
            authors.set(body.seq, user)
            return
          }
          const author = users[authors.get(seq) ?? 0]?.token ?? ''
          if (kind === 'pin' || kind === 'unpin') {
            const { status } = await call(kind === 'pin' ? 'PUT' : 'DELETE', `${room}/pins/${seq}`, { token })
            expect([200, 201, 409]).toContain(status)
          } else if (kind === 'edit') {
            const { status, body } = await call('PATCH', `${room}/messages/${seq}`, {
              token: author,
              body: { content }
            })
            if (status === 201) texts.set(body.seq, content)
            // A deletion in the same batch erased the text.
            else if (status === 200) expect(body.content).toBeNull()
            else expect(body.code).toBe('already_deleted')
          } else if (kind === 'delete') {
            const { status } = await call('DELETE', `${room}/messages/${seq}`, { token: author })
            expect([201, 409]).toContain(status)
          } else {
            const method = kind === 'react' ? 'PUT' : 'DELETE'
            const { status } = await call(method, `${room}/messages/${seq}/reactions/${encodeURIComponent(key)}`, {
              token
            })
            expect([200, 201, 409]).toContain(status)
          }
        }

        for (const group of groups) await Promise.all(group.map(act))
        const { token = '' } = users[0] ?? {}
        const head = (await first.database.rooms.findByName('general'))?.lastSeq ?? 0
        for (const { call } of processes) {
          await expect.poll(async () => (await call('GET', room, { token })).body.seq).toBe(head)
          responses.push((await call('GET', `${room}/messages?limit=1000`, { token })).body)
        }
        const log: Entry[] = (await first.call('GET', `${room}/log?limit=1000`, { token })).body.entries
        expect(log).toHaveLength(head)
        const pins = (await first.call('GET', `${room}/pins`, { token })).body.messages
        const seqs = [...authors.keys()].filter(seq => stateOf(log, texts, seq, head).isPinned)
        expect(pins.map(({ seq }: Item) => seq).sort(bySeq)).toEqual(seqs.sort(bySeq))
        for (const response of responses) {
          for (const {
            seq,
            content,
            pinned = false,
            changed_seq: changed = seq,
            reactions = []
          } of response.messages) {
            const included =
              log.filter(({ seq: one, target }) => target === seq && one <= response.seq).at(-1)?.seq ?? seq
            expect(changed, `message ${seq} in a list up to ${response.seq}`).toBeGreaterThanOrEqual(included)
            const shown = { content, isPinned: pinned, reactions: [...reactions].sort(byKey) }
            expect(shown, `message ${seq} after ${changed}`).toEqual(stateOf(log, texts, seq, changed))
          }
        }
      }
    ),
    { numRuns: 8 }
  )
}, 300_000)
