/** Tests the kinds of entries that belong to a host application, and the event `entry`. */
import { Type } from '@sinclair/typebox'
import { expect, expectTypeOf, test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import { createChat } from '../../src/host.ts'
import type { CommittedEntry } from '../../src/index.ts'
import { engine } from '../support/database.ts'
import { connect } from '../support/socket-client.ts'
import { hostSettings, startHost } from '../support/start-host.ts'

const bot = { id: 'bot', name: 'Shop' }
const rooms = '/support/api/chat/rooms'
const Order = Type.Object(
  { order: Type.Integer({ minimum: 1 }), total: Type.Number(), note: Type.Optional(Type.String()) },
  { additionalProperties: false, $id: 'Order' }
)
const kinds = { 'acme.order': Order, 'acme.note': { type: 'string', minLength: 1 } } as const

test('delivers entries of a kind of the host, and stores them encrypted', async () => {
  const { chat, join, call, database } = await startHost({ kinds })
  const ann = await join('ann')
  const data = { order: 7, total: 19.5, note: 'left at the 🚪' }
  const appended = await chat.append({ as: bot, kind: 'acme.order', data, nonce: 'o7' })
  const place = { type: 'acme.order', id: appended.id, room: 'general', seq: 1 }
  expect(appended).toEqual({ ...place, user: bot, nonce: 'o7', data, createdAt: expect.any(Date) })
  expectTypeOf(appended.type).toEqualTypeOf<'acme.order'>()

  const frame = await ann.next()
  const author = { user_id: expect.any(Number), username: 'Shop' }
  expect(frame).toEqual({ ...place, ...author, nonce: 'o7', data, timestamp: expect.any(String) })
  const log = await call('GET', `${rooms}/general/log?after=0`, { as: 'ann' })
  expect(log.body.entries).toEqual([frame])
  const entries = await call('GET', `${rooms}/general/messages?after=0`, { as: 'ann' })
  expect(entries.body.messages).toMatchObject([{ ...place, data, content: null }])
  expect((await call('GET', `${rooms}/general/messages`, { as: 'ann' })).body.messages).toEqual([])

  const [row] = await database.client.query<{ content: string; detail: string | null }>(
    `select content, detail::text as detail from "${database.schema}".messages
     join "${database.schema}".others using (room_id, seq) where kind = 'acme.order'`
  )
  expect(row?.content).toMatch(/^gAAAA/)
  expect(row?.detail, 'no data is stored unencrypted').toBe('{"host": true}')
})

test('validates kinds and data, and stores a nonce once', async () => {
  const { chat } = await startHost({ kinds })
  const append = (entry: object) => chat.append({ as: bot, kind: 'acme.order', ...entry } as never)
  const refusal = (detail: RegExp) => ({ code: 'validation_failed', message: expect.stringMatching(detail) })
  await expect(append({ data: { order: 0, total: 1 } })).rejects.toMatchObject(refusal(/Order must be at least 1/))
  await expect(append({ data: { order: 1, total: 1, more: 1 } })).rejects.toMatchObject(refusal(/More is unknown/))
  await expect(append({})).rejects.toMatchObject(refusal(/JSON/))
  await expect(append({ data: { order: 1n } })).rejects.toMatchObject(refusal(/JSON/))
  await expect(append({ kind: 'acme.note', data: 'x'.repeat(20_000) })).rejects.toMatchObject(refusal(/16384/))
  for (const kind of ['acme.other', 'message', 'membership', 'erasure', undefined]) {
    await expect(append({ kind, data: 'x' }), `${kind}`).rejects.toMatchObject({ code: 'validation_failed' })
  }
  await expect(append({ room: 'absent', data: { order: 1, total: 1 } })).rejects.toMatchObject({
    code: 'room_not_found'
  })
  const first = await append({ data: { order: 1, total: 1 }, nonce: 'n' })
  expect(await append({ data: { order: 1, total: 1 }, nonce: 'n' })).toEqual(first)
  await expect(append({ data: { order: 2, total: 1 }, nonce: 'n' })).rejects.toMatchObject({ code: 'nonce_reused' })
  await expect(chat.post({ as: bot, content: 'x', nonce: 'n' })).rejects.toMatchObject({ code: 'nonce_reused' })
  // A date is stored as the text that clients receive.
  const note = await chat.append({ as: bot, kind: 'acme.note', data: new Date(0) })
  expect(note).toMatchObject({ data: '1970-01-01T00:00:00.000Z' })
})

test('rejects kinds with invalid names or schemas at the start', async () => {
  for (const name of ['order', '.order', 'acme.', 'Acme.order', 'a'.repeat(70), 'acme order.x']) {
    await expect(startHost({ kinds: { [name]: Order } }), name).rejects.toThrow(/acme\.order/)
  }
  await expect(startHost({ kinds: { 'acme.x': { type: 'nothing' } } })).rejects.toThrow(
    /acme\.x.*not a valid JSON Schema/
  )
})

test('lists the kinds in the AsyncAPI document, but not among those that clients may send', async () => {
  const { url, call } = await startHost({ kinds, pages: ['documents'] })
  const ann = await connect(`${url.replace('http', 'ws')}/support/ws/chat`, { headers: { 'x-user': 'ann' } })
  expect((await ann.nextOf('system')).features).toEqual(expect.not.arrayContaining(['acme.order']))
  await ann.nextOf('subscribed')
  ann.send({ type: 'acme.order', data: { order: 1, total: 1 }, ref: 'r' })
  expect(await ann.untilPong(), 'clients cannot append such entries').toEqual([])
  const { body } = await call('GET', '/support/asyncapi.json')
  const { messages } = body.channels.chat
  expect(messages['service-acme.order'].payload.properties.data.anyOf[0]).toMatchObject({
    required: ['order', 'total']
  })
  expect(messages).not.toHaveProperty(['client-acme.order'])
})

test('delivers entries as unknown in a process without the kind', async () => {
  const network = createMemoryNetwork()
  const one = await startHost({ kinds, bus: createMemoryBus(network) })
  const two = await startHost({ database: one.database, bus: createMemoryBus(network) })
  const bob = await two.join('bob')
  await one.chat.append({ as: bot, kind: 'acme.note', data: 'secret' })
  expect(await bob.next()).toEqual({ type: 'unknown', kind: 'acme.note', room: 'general', seq: 1 })
})

test('appends to private rooms, exports the data of the author, and erases it', async () => {
  const { chat, join, call } = await startHost({ kinds })
  await chat.createRoom({ room: 'team', visibility: 'private' })
  await chat.addMember('team', { id: 'ann', name: 'Ann' })
  const shop = { id: 'shop', name: 'Shop' }
  await chat.append({ as: shop, room: 'team', kind: 'acme.note', data: 'for members' })
  const items = async () => (await call('GET', `${rooms}/team/log?after=1`, { as: 'ann:Ann' })).body.entries
  expect(await items()).toMatchObject([{ type: 'acme.note', data: 'for members' }])
  const records: object[] = []
  for await (const record of chat.exportUser('shop')) records.push(record)
  expect(records).toContainEqual(expect.objectContaining({ type: 'acme.note', data: 'for members' }))
  expect(JSON.stringify(records)).not.toMatch(/"host"/)

  await join('ann:Ann')
  expect(await chat.deleteUser('shop', { erase: true })).toBe(true)
  await expect
    .poll(items)
    .toMatchObject([{ type: 'acme.note', data: null, unavailable: 'erased' }, { type: 'erasure' }])
})

test('reports every committed entry in order, with its kind and its author', async () => {
  const { chat, join } = await startHost({ kinds })
  const entries: CommittedEntry<typeof kinds>[] = []
  const listener = (entry: CommittedEntry<typeof kinds>) => void entries.push(entry)
  chat.on('entry', listener)
  chat.on('entry', () => Promise.reject(new Error('a listener failed')))
  const ann = await join('ann:Ann')
  ann.send({ type: 'message', content: 'first', nonce: 'n' })
  await ann.nextOf('message')
  ann.send({ type: 'edit', target: 1, content: 'second' })
  ann.send({ type: 'react', target: 1, key: '+1' })
  await ann.nextOf('reaction')
  await chat.append({ as: bot, kind: 'acme.note', data: 'noted' })
  ann.send({ type: 'delete', target: 1 })
  await ann.nextOf('deletion')
  await chat.addMember('general', { id: 'bob', name: 'Bob' })
  // A repeated message appends nothing.
  ann.send({ type: 'message', content: 'first', nonce: 'n' })
  await ann.nextOf('ack')
  const ofAnn = { room: 'general', user: { id: 'ann', name: 'Ann' }, createdAt: expect.any(Date) }
  await expect.poll(() => entries).toHaveLength(6)
  expect(entries).toMatchObject([
    { type: 'message', seq: 1, content: 'first', nonce: 'n', ...ofAnn },
    { type: 'edit', seq: 2, target: 1, content: 'second', ...ofAnn },
    { type: 'reaction', seq: 3, target: 1, key: '+1', action: 'added', ...ofAnn },
    { type: 'acme.note', seq: 4, data: 'noted', user: bot },
    { type: 'deletion', seq: 5, target: 1, ...ofAnn },
    { type: 'membership', seq: 6, event: 'joined', user: { id: 'bob', name: 'Bob' } }
  ])
  for (const entry of entries) {
    expect(entry).not.toHaveProperty('user_id')
    if (entry.type === 'acme.order') expectTypeOf(entry.data.order).toEqualTypeOf<number>()
    if (entry.type === 'edit') expectTypeOf(entry.target).toEqualTypeOf<number>()
  }
  chat.off('entry', listener)
  await chat.post({ as: bot, content: 'unheard' })
  expect(entries).toHaveLength(6)
})

test('fails with unavailable before the chat is registered', async () => {
  const chat = createChat({ ...hostSettings, kinds, authenticate: () => null })
  await expect(chat.append({ as: bot, kind: 'acme.note', data: 'x' })).rejects.toMatchObject({ code: 'unavailable' })
})

test.runIf(engine === 'pglite')('explains that the embedded database has no transactions for the host', async () => {
  const { chat } = await startHost()
  const post = { as: bot, content: 'x', transaction: Object.assign(() => {}, { unsafe() {}, savepoint() {} }) }
  await expect(chat.post(post)).rejects.toMatchObject({ code: 'validation_failed', message: /PGlite/ })
})
