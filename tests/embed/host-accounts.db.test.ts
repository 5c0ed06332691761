/** Tests that a host application can suspend, restore, delete and export its users. */
import { expect, test } from 'vitest'
import type { ExportRecord } from '../../src/index.ts'
import { fakeClock, whileJobsRun } from '../support/clock.ts'
import { startHost } from '../support/start-host.ts'

const ME = '/support/api/users/me'

const start = async () => {
  const clock = fakeClock(Date.now())
  const host = await startHost({ clock })
  return { ...host, clock, me: (as: string) => host.call('GET', ME, { as }) }
}

test('closes the sockets of a suspended user with 4403, and responds with 403 until the user is restored', async () => {
  const { chat, join, me, clock } = await start()
  const ann = await join('ann:Ann')
  expect(await chat.suspend('ann')).toBe(true)
  expect((await whileJobsRun(clock, ann.closed)).code).toBe(4403)
  clock.advance(500)
  expect(await me('ann:Ann')).toMatchObject({ status: 403, body: { code: 'account_suspended' } })
  await expect(join('ann:Ann')).rejects.toThrow('403')
  await expect(chat.post({ as: { id: 'ann', name: 'Ann' }, content: 'hi' })).rejects.toMatchObject({
    code: 'account_suspended'
  })
  expect(await chat.suspend('ann')).toBe(true)
  expect(await chat.restore('ann')).toBe(true)
  clock.advance(500)
  expect(await me('ann:Ann')).toMatchObject({ status: 200, body: { username: 'Ann' } })
})

test('deletes a user permanently, even if the host authenticates the user again', async () => {
  const { chat, join, me, clock, database } = await start()
  const [ann, bob] = [await join('ann:Ann'), await join('bob:Bob')]
  ann.send({ type: 'message', content: 'secret', ref: '1' })
  await ann.nextOf('ack')
  const { id } = (await me('ann:Ann')).body
  expect(await chat.deleteUser('ann', { erase: true })).toBe(true)
  expect((await whileJobsRun(clock, ann.closed)).code).toBe(4401)
  expect(await bob.nextOf('erasure')).toMatchObject({ seq: 2, subject: id, username: `deleted user ${id}` })
  clock.advance(500)
  expect(await me('ann:Ann')).toMatchObject({ status: 403, body: { code: 'account_deleted' } })
  expect(await me('ann:Other')).toMatchObject({ status: 403, body: { code: 'account_deleted' } })
  expect((await database.users.findByExternalId('ann'))?.username).toBe(`deleted user ${id}`)
  expect(await chat.deleteUser('ann')).toBe(false)
  expect(await chat.restore('ann')).toBe(false)
  expect(await database.client.query(`select 1 as one from "${database.schema}".held_names`)).toEqual([])
})

test('exports the stored data of a user, and throws if nobody has the id', async () => {
  const { chat, join } = await start()
  const ann = await join('ann:Ann')
  ann.send({ type: 'message', content: 'one', ref: '1' })
  await ann.nextOf('ack')
  const records: ExportRecord[] = []
  for await (const record of chat.exportUser('ann')) records.push(record)
  expect(records).toMatchObject([
    { type: 'profile', username: 'Ann', external_id: 'ann' },
    { type: 'message', room: 'general', seq: 1, content: 'one' },
    { type: 'end', counts: { profile: 1, message: 1 }, complete: true }
  ])
  const nobody = async () => {
    for await (const _ of chat.exportUser('nobody'));
  }
  await expect(nobody()).rejects.toMatchObject({ code: 'user_not_found' })
})

test('returns false if nobody with the id has used the chat', async () => {
  const { chat } = await start()
  expect(await chat.suspend('nobody')).toBe(false)
  expect(await chat.restore(17)).toBe(false)
  expect(await chat.deleteUser('nobody')).toBe(false)
})
