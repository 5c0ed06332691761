/** Tests pins: who may pin a message, what is stored and shown, and what ends a pin. */
import { describe, expect, test } from 'vitest'
import { startRooms } from '../../support/rooms.ts'
import type { Person } from '../../support/start-chat.ts'

/** Starts a chat with a public room `team`, which has an owner, a moderator, a member and three messages of the member. */
const start = async () => {
  const chat = await startRooms(['ann', 'bob', 'cat', 'dan'])
  const { as, people, create, put } = chat
  const [owner, moderator, member, stranger] = people
  await create(owner, { room: 'team' })
  await put(owner, 'team', moderator.id, { role: 'moderator' })
  await put(moderator, 'team', member.id)
  const post = async (person: Person, content: string, room = 'team'): Promise<number> =>
    (await as(person, 'POST', `/api/chat/rooms/${room}/messages`, { content })).body.seq
  const seqs = [await post(member, 'one'), await post(member, 'two'), await post(member, 'three')] as const
  const pin = (person: Person, seq: number, room = 'team') => as(person, 'PUT', `/api/chat/rooms/${room}/pins/${seq}`)
  const unpin = (person: Person, seq: number, room = 'team') =>
    as(person, 'DELETE', `/api/chat/rooms/${room}/pins/${seq}`)
  const list = async (query = '', room = 'team') =>
    (await as(owner, 'GET', `/api/chat/rooms/${room}/pins${query}`)).body
  const message = async (seq: number, room = 'team') =>
    (await as(owner, 'GET', `/api/chat/rooms/${room}/messages/${seq}`)).body
  const remove = (person: Person, seq: number) => as(person, 'DELETE', `/api/chat/rooms/team/messages/${seq}`)
  const head = async (room = 'team') => (await chat.database.rooms.findByName(room))?.lastSeq ?? 0
  const sql = (text: string) => chat.database.client.query(text.replaceAll('@', `"${chat.database.schema}".`))
  return { ...chat, owner, moderator, member, stranger, seqs, post, pin, unpin, list, message, remove, head, sql }
}

describe('a pin', () => {
  test('is shown with the message in every list, and is delivered', async () => {
    const { as, owner, moderator, seqs, pin, list, message, join } = await start()
    const socket = await join(owner)
    socket.send({ type: 'subscribe', room: 'team' })
    await socket.nextOf('subscribed')
    const { status, body } = await pin(moderator, seqs[1])
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { type: 'pin', target: seqs[1], action: 'added', username: 'bob', content: null }
    })
    expect(await socket.nextOf('pin')).toMatchObject({ seq: body.seq, target: seqs[1], action: 'added' })
    const pinned = { seq: seqs[1], content: 'two', pinned: true, changed_seq: body.seq }
    expect(await message(seqs[1])).toMatchObject(pinned)
    expect(await list()).toMatchObject({ room: 'team', seq: body.seq, has_more: false, messages: [pinned] })
    const { messages } = (await as(owner, 'GET', '/api/chat/rooms/team/messages')).body
    expect(messages).toMatchObject([{ seq: seqs[0] }, pinned, { seq: seqs[2] }])
    expect(messages[0]).not.toHaveProperty('pinned')
    socket.send({ type: 'subscribe', room: 'team', after: seqs[0] })
    expect(await socket.nextOf('message')).toMatchObject({ seq: seqs[1], changed_seq: body.seq })
  })

  test('is not stored again, and neither is the end of a pin that does not exist', async () => {
    const { moderator, seqs, pin, unpin, head } = await start()
    const added = await pin(moderator, seqs[0])
    expect(await pin(moderator, seqs[0])).toMatchObject({ status: 200, body: { seq: added.body.seq } })
    const removed = await unpin(moderator, seqs[0])
    expect(removed).toMatchObject({ status: 201, body: { action: 'removed', target: seqs[0] } })
    expect(await unpin(moderator, seqs[0])).toMatchObject({ status: 200, body: { seq: seqs[0], content: 'one' } })
    expect(await head()).toBe(removed.body.seq)
  })

  test('has the order of the pins in the list, also after it was renewed', async () => {
    const { moderator, seqs, pin, unpin, list } = await start()
    for (const seq of [seqs[2], seqs[0], seqs[1]]) await pin(moderator, seq)
    await unpin(moderator, seqs[0])
    await pin(moderator, seqs[0])
    const seqsOf = ({ messages }: { messages: { seq: number }[] }) => messages.map(({ seq }) => seq)
    expect(seqsOf(await list())).toEqual([seqs[0], seqs[1], seqs[2]])
    const first = await list('?limit=2')
    expect(seqsOf(first)).toEqual([seqs[0], seqs[1]])
    expect(first.has_more).toBe(true)
    const second = await list(`?limit=2&after=${first.next}`)
    expect(seqsOf(second)).toEqual([seqs[2]])
    expect(second).toMatchObject({ has_more: false })
    expect(second).not.toHaveProperty('next')
  })

  test('is listed with the reactions of the caller and with replies, also in a long list', async () => {
    const { as, owner, moderator, post, pin, list } = await start()
    const seqs: number[] = []
    for (let at = 0; at < 40; at++) seqs.push(await post(moderator, `${at} ${'x'.repeat(1900)}`))
    const [first = 0, second = 0] = seqs
    const { body: reply } = await as(owner, 'POST', '/api/chat/rooms/team/messages', {
      content: 'reply',
      reply_to: second
    })
    await as(owner, 'PUT', `/api/chat/rooms/team/messages/${first}/reactions/a`)
    for (const seq of [...seqs, reply.seq]) await pin(moderator, seq)
    const body = await list()
    expect(body.messages.map(({ seq }: { seq: number }) => seq)).toEqual([reply.seq, ...seqs.toReversed()])
    expect(body.messages[0]).toMatchObject({ reply: { seq: second, username: 'bob' } })
    expect(body.mine).toEqual({ [first]: ['a'] })
  })
})

describe('who may pin', () => {
  test('moderators, owners and administrators may pin in public rooms', async () => {
    const { owner, moderator, member, stranger, seqs, pin, unpin, promote, head } = await start()
    const before = await head()
    for (const person of [member, stranger]) {
      expect(await pin(person, seqs[0])).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
      expect(await pin(person, 999)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
      expect(await unpin(person, seqs[0])).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
    }
    expect(await head()).toBe(before)
    await promote(stranger)
    for (const [at, person] of [owner, moderator, stranger].entries())
      expect(await pin(person, seqs[at] ?? 0)).toMatchObject({ status: 201 })
    expect(await unpin(owner, seqs[2])).toMatchObject({ status: 201 })
  })

  test('administrators may not pin in private rooms, and the response does not reveal that the room exists', async () => {
    const { create, owner, stranger, post, pin, promote } = await start()
    const { room } = await create(owner, { visibility: 'private' })
    const seq = await post(owner, 'text', room)
    await promote(stranger)
    const denied = await pin(stranger, seq, room)
    expect(denied).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
    expect((await pin(stranger, 1, 'p.absent')).body.detail).toBe(denied.body.detail)
  })

  test('all members may pin in a direct room', async () => {
    const { as, member, stranger, owner, post, pin, unpin } = await start()
    const { body } = await as(member, 'POST', '/api/chat/direct', { users: [stranger.id] })
    const seq = await post(stranger, 'text', body.room)
    expect(await pin(member, seq, body.room)).toMatchObject({ status: 201 })
    expect(await unpin(stranger, seq, body.room)).toMatchObject({ status: 201 })
    expect(await pin(owner, seq, body.room)).toMatchObject({ status: 404 })
  })

  test('nobody may pin an entry that is not a message, an absent message or a deleted message', async () => {
    const { owner, member, seqs, pin, remove } = await start()
    expect(await pin(owner, 1)).toMatchObject({ status: 404, body: { code: 'message_not_found' } })
    expect(await pin(owner, 999)).toMatchObject({ status: 404, body: { code: 'message_not_found' } })
    await remove(member, seqs[0])
    expect(await pin(owner, seqs[0])).toMatchObject({ status: 409, body: { code: 'already_deleted' } })
  })
})

test('a room has at most 100 pins, and a place becomes free when a pin ends or its message is deleted', async () => {
  const { owner, member, seqs, pin, unpin, remove, list, sql, head, post } = await start()
  const room = `(select id from @rooms where name = 'team')`
  await sql(`insert into @message_state (room_id, seq, changed_seq, pin_seq)
    select ${room}, n, n, n from generate_series(100001, 100098) as n`)
  expect(await pin(owner, seqs[0])).toMatchObject({ status: 201 })
  expect(await pin(owner, seqs[1])).toMatchObject({ status: 201 })
  const before = await head()
  expect(await pin(owner, seqs[2])).toMatchObject({ status: 409, body: { code: 'too_many_pins' } })
  expect(await pin(owner, seqs[1])).toMatchObject({ status: 200 })
  expect(await head()).toBe(before)
  await remove(member, seqs[0])
  expect(await pin(owner, seqs[2])).toMatchObject({ status: 201 })
  const fourth = await post(owner, 'four')
  expect(await pin(owner, fourth)).toMatchObject({ status: 409 })
  await unpin(owner, seqs[1])
  expect(await pin(owner, fourth)).toMatchObject({ status: 201 })
  expect((await list()).messages).toMatchObject([{ seq: fourth }, { seq: seqs[2] }])
})

describe('the pin of a message', () => {
  test('ends when the message is deleted, without a further entry', async () => {
    const { owner, member, seqs, pin, unpin, remove, list, message } = await start()
    await pin(owner, seqs[0])
    const { body } = await remove(member, seqs[0])
    expect(await list()).toMatchObject({ seq: body.seq, messages: [] })
    expect(await message(seqs[0])).toMatchObject({ content: null, changed_seq: body.seq })
    expect(await message(seqs[0])).not.toHaveProperty('pinned')
    expect(await unpin(owner, seqs[0])).toMatchObject({ status: 200, body: { seq: seqs[0] } })
  })

  test('ends when SQL erases or deletes the message', async () => {
    const { owner, seqs, pin, list, sql } = await start()
    await pin(owner, seqs[0])
    await pin(owner, seqs[1])
    await sql(`update @messages set meta = null where seq = ${seqs[0]}`)
    expect(await sql('select from @message_state where pin_seq is not null')).toHaveLength(2)
    await sql(`update @messages set content = null where seq = ${seqs[0]}`)
    await sql(`delete from @messages where seq = ${seqs[1]}`)
    expect(await sql('select from @message_state where pin_seq is not null')).toEqual([])
    await expect.poll(async () => (await list()).messages).toEqual([])
  })

  test('stays when the message is edited, and the list shows the edit', async () => {
    const { as, owner, member, seqs, pin, list } = await start()
    await pin(owner, seqs[0])
    const { body } = await as(member, 'PATCH', `/api/chat/rooms/team/messages/${seqs[0]}`, { content: 'edited' })
    expect((await list()).messages).toMatchObject([{ content: 'edited', pinned: true, changed_seq: body.seq }])
  })
})

test('a request with the same Idempotency-Key is stored once, and refused for another message', async () => {
  const { call, owner, seqs, unpin } = await start()
  const pin = (seq: number) =>
    call('PUT', `/api/chat/rooms/team/pins/${seq}`, { token: owner.token, headers: { 'idempotency-key': 'k1' } })
  const { body } = await pin(seqs[0])
  await unpin(owner, seqs[0])
  expect(await pin(seqs[0])).toMatchObject({ status: 200, body: { seq: body.seq } })
  expect(await pin(seqs[1])).toMatchObject({ status: 409, body: { code: 'nonce_reused' } })
})

test('a pin in the same batch as the deletion of its message does not last, in either order', async () => {
  const { database, owner, seqs, list } = await start()
  const roomId = (await database.rooms.findByName('team'))?.id ?? 0
  const entry = (kind: string, targetSeq: number, detail: object | null) => ({
    roomId,
    userId: owner.id,
    writeId: `${kind} ${targetSeq}`,
    kind,
    targetSeq,
    content: null,
    meta: null,
    keyId: null,
    detail: detail && JSON.stringify(detail)
  })
  const added = { action: 'added' }
  expect(
    await database.messages.append([
      entry('pin', seqs[0], added),
      entry('deletion', seqs[0], null),
      entry('deletion', seqs[1], null),
      entry('pin', seqs[1], added),
      entry('pin', seqs[2], added)
    ])
  ).toMatchObject([
    { outcome: 'stored' },
    { outcome: 'stored' },
    { outcome: 'stored' },
    { refused: 'already_deleted' },
    { outcome: 'stored', detail: '{"action": "added"}' }
  ])
  await expect.poll(async () => (await list()).messages).toMatchObject([{ seq: seqs[2] }])
})

test('pins are refused until the step "rooms" of an upgrade is finished', async () => {
  const { owner, seqs, pin, sql } = await start()
  await sql(`delete from @upgrades where step = 'rooms'`)
  expect(await pin(owner, seqs[0])).toMatchObject({ status: 503, body: { code: 'upgrade_pending' } })
})
