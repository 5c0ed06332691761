/** Tests that the unread numbers of the inbox, which are computed from positions, match a count of the messages. */
import { expect, test } from 'vitest'
import { MAX_MENTIONS } from '../../src/db/repositories/inbox.ts'
import { testDatabase } from '../support/database.ts'
import fc from '../support/properties.ts'

const ROOM_COUNT = 3

type Step =
  | { readonly kind: 'message' | 'reaction' | 'membership'; readonly room: number; readonly isMention: boolean }
  | { readonly kind: 'edit' | 'deletion'; readonly room: number; readonly of: number; readonly isMention: boolean }
  | { readonly kind: 'read'; readonly room: number; readonly upTo: number; readonly user: number }

const room = fc.nat(ROOM_COUNT - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('message' as const), room, isMention: fc.boolean() }) },
  fc.record({ kind: fc.constantFrom('reaction' as const, 'membership' as const), room, isMention: fc.constant(false) }),
  fc.record({
    kind: fc.constantFrom('edit' as const, 'deletion' as const),
    room,
    of: fc.nat(8),
    isMention: fc.boolean()
  }),
  fc.record({ kind: fc.constant('read' as const), room, upTo: fc.nat(25), user: fc.nat(1) })
)

test('the numbers of unread messages and mentions match a count, after any entries and marks', async () => {
  const database = await testDatabase()
  const { client, schema, messages, inbox, readMarks } = database
  const sql = <Row extends object>(text: string, params: unknown[] = []) =>
    client.query<Row>(text.replaceAll('@', `"${schema}".`), params)
  const people = [
    await database.users.create({ username: 'ann', hashedPassword: null }),
    await database.users.create({ username: 'bob', hashedPassword: null })
  ]
  const userId = people[0]?.id ?? 0
  let run = 0
  let writes = 0

  const check = async (steps: readonly Step[]): Promise<void> => {
    run++
    await sql('delete from @members')
    const rooms = await Promise.all(
      Array.from({ length: ROOM_COUNT }, (_, at) => database.rooms.create({ name: `r${run}.${at}`, title: null }))
    )
    await sql(
      `insert into @members (room_id, user_id, role)
       select room, person, 'owner' from unnest($1::integer[]) as room, unnest($2::integer[]) as person`,
      [rooms.map(({ id }) => id), people.map(({ id }) => id)]
    )
    for (const one of steps) {
      const { id, name } = rooms[one.room] ?? { id: 0, name: '' }
      if (one.kind === 'read') {
        await readMarks.write([
          { userId: people[one.user]?.id ?? 0, room: name, upTo: one.upTo, isUnread: one.upTo % 5 === 0 }
        ])
        continue
      }
      const targets = await sql<{ seq: number }>(
        `select seq::integer from @messages where room_id = $1 and kind = 'message' order by seq`,
        [id]
      )
      const target = targets[('of' in one ? one.of : writes) % Math.max(1, targets.length)]?.seq ?? null
      const mentions = one.isMention ? { mentions: people.map(person => person.id) } : undefined
      const detail = {
        message: mentions,
        edit: mentions ?? {},
        deletion: undefined,
        reaction: { key: `k${writes % 7}`, action: 'added' },
        // The entry may be stored, refused, or change nothing. The test accepts each of these results.
        membership: { subject: userId, op: 'put', role: writes % 2 ? 'owner' : 'moderator' }
      }[one.kind]
      await messages.append([
        {
          roomId: id,
          userId: people[1]?.id ?? 0,
          writeId: `w${writes++}`,
          kind: one.kind,
          targetSeq: one.kind === 'message' || one.kind === 'membership' ? null : target,
          content: one.kind === 'message' || one.kind === 'edit' ? 'x' : null,
          meta: null,
          keyId: null,
          detail: detail ? JSON.stringify(detail) : null
        }
      ])
    }
    for (const { id } of people) {
      const counted = await sql<object>(
        `select room.id as "roomId", (
             select count(*)::integer from @messages as entry where entry.room_id = room.id and entry.kind = 'message'
           ) as messages, (
             select count(*)::integer from @messages as entry
             where entry.room_id = room.id and entry.kind = 'message' and entry.seq > member.read_seq
           ) as unread, (
             select count(*)::integer from @message_state as state
             where state.room_id = room.id and state.seq > member.read_seq and $1 = any(state.mentions)
           ) as mentions, (
             select max(entry.seq)::integer from @messages as entry where entry.room_id = room.id and entry.kind = 'message'
           ) as "messageSeq", member.is_unread as "isUnread"
         from @members as member join @rooms as room on room.id = member.room_id where member.user_id = $1 order by room.id`,
        [id]
      )
      const rows = (await inbox.ofUser(id)).sort((one, other) => one.roomId - other.roomId)
      const shown = rows.map(({ roomId, messages: all, readMessages, mentions, messageSeq, isUnread }) => ({
        roomId,
        messages: all,
        unread: all - readMessages,
        mentions,
        messageSeq,
        isUnread
      }))
      expect(shown).toEqual(counted)
      expect((await inbox.rooms(rows.map(({ roomId }) => roomId))).sort((a, b) => a.roomId - b.roomId)).toMatchObject(
        rows.map(({ roomId, messages: all, lastSeq }) => ({ roomId, messages: all, lastSeq }))
      )
    }
  }
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), check), { numRuns: 25 })
})

test('mentions are counted up to a limit, and are deleted with the rows of their messages', async () => {
  const { client, schema, users, rooms, messages, inbox } = await testDatabase()
  const sql = (text: string, params: unknown[] = []) => client.query(text.replaceAll('@', `"${schema}".`), params)
  const { id } = await users.create({ username: 'ann', hashedPassword: null })
  const { id: roomId } = await rooms.create({ name: 'one', title: null, owner: id })
  const entry = { roomId, userId: id, kind: 'message', content: 'x', meta: null, keyId: null }
  const detail = JSON.stringify({ mentions: [id] })
  await messages.append(Array.from({ length: MAX_MENTIONS + 5 }, (_, at) => ({ ...entry, writeId: `w${at}`, detail })))
  expect((await inbox.ofUser(id))[0]?.mentions).toBe(MAX_MENTIONS)
  await sql('delete from @messages where room_id = $1 and seq > 3', [roomId])
  expect((await inbox.ofUser(id))[0]?.mentions).toBe(3)
})
