/** Tests reports of messages: who sends, reads and resolves them, and how long the copy of the text is kept. */
import { expect, test } from 'vitest'
import { retentionJobs } from '../../src/accounts/retention.ts'
import { ROOMS, startRooms } from '../support/rooms.ts'
import { PASSWORD, type Person, type StartOptions } from '../support/start-chat.ts'

const TEXT = 'an offending text'
const REASON = 'because of the offense'

const start = async (options?: StartOptions) => {
  const chat = await startRooms(['ann', 'bob', 'cat', 'dan'], options)
  const { as, database, people } = chat
  const post = async (person: Person, room: string, content = TEXT) =>
    (await as(person, 'POST', `${ROOMS}/${room}/messages`, { content })).body.seq as number
  const report = (person: Person, room: string, seq: number, body?: object) =>
    as(person, 'POST', `${ROOMS}/${room}/messages/${seq}/report`, body)
  const list = (person: Person, room: string, query = '') => as(person, 'GET', `${ROOMS}/${room}/reports${query}`)
  const resolve = (person: Person, room: string, id: number, outcome: string) =>
    as(person, 'POST', `${ROOMS}/${room}/reports/${id}/resolve`, { outcome })
  const sql = (text: string) =>
    database.client.query<Record<string, unknown>>(text.replaceAll('@', `"${database.schema}".`))
  /** Creates a public room of the first user, with the second one as a moderator. */
  const team = async () => {
    const [ann, bob] = people
    await chat.create(ann, { room: 'team' })
    await chat.put(ann, 'team', bob.id, { role: 'moderator' })
  }
  return { ...chat, post, report, list, resolve, sql, team }
}

test('a user reports a message once, and the moderators read the text as it was reported', async () => {
  const { people, post, report, list, team, as, sql } = await start()
  const [ann, bob, cat, dan] = people
  await team()
  const seq = await post(dan, 'team')
  const first = await report(cat, 'team', seq, { reason: REASON })
  expect(first).toMatchObject({ status: 201, body: { id: expect.any(Number) } })
  expect(await report(cat, 'team', seq, { reason: 'other' })).toMatchObject({ status: 200, body: first.body })
  await as(dan, 'PATCH', `${ROOMS}/team/messages/${seq}`, { content: 'a harmless text' })
  const wanted = {
    id: first.body.id,
    room: 'team',
    seq,
    reporter: { user_id: cat.id, username: 'cat' },
    author: { user_id: dan.id, username: 'dan' },
    content: TEXT,
    reason: REASON,
    created_at: expect.stringMatching(/\+00:00$/),
    state: 'open'
  }
  for (const person of [ann, bob]) {
    expect((await list(person, 'team')).body).toEqual({ reports: [wanted], has_more: false })
  }
  for (const person of [cat, dan]) {
    expect(await list(person, 'team')).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  }
  // An edited message is reported with its current text.
  await report(bob, 'team', seq)
  expect((await list(ann, 'team')).body.reports[0]).toMatchObject({ content: 'a harmless text' })
  const [stored] = await sql('select content, reason from @reports order by id')
  expect(String(stored?.content)).toMatch(/^gAAAAA/)
  expect(String(stored?.reason)).toMatch(/^gAAAAA/)
})

test('a report survives the deletion of its message, which cannot be reported anymore', async () => {
  const { people, post, report, list, team, as } = await start()
  const [ann, , cat, dan] = people
  await team()
  const seq = await post(dan, 'team')
  const { id } = (await report(cat, 'team', seq)).body
  await as(dan, 'DELETE', `${ROOMS}/team/messages/${seq}`)
  expect((await list(ann, 'team')).body.reports).toMatchObject([{ id, content: TEXT }])
  expect(await report(ann, 'team', seq)).toMatchObject({ status: 409, body: { code: 'already_deleted' } })
  expect(await report(cat, 'team', seq)).toMatchObject({ status: 200, body: { id } })
  expect(await report(cat, 'team', seq + 1)).toMatchObject({ status: 404, body: { code: 'message_not_found' } })
})

test('a moderator resolves a report, and with the outcome "deleted" deletes the message by an entry', async () => {
  const { people, post, report, list, resolve, team, as } = await start()
  const [ann, bob, cat, dan] = people
  await team()
  const [one, two] = [await post(dan, 'team'), await post(dan, 'team')]
  const dismissed = (await report(cat, 'team', one)).body.id
  const deleted = (await report(cat, 'team', two)).body.id
  const another = (await report(ann, 'team', two)).body.id
  expect(await resolve(cat, 'team', dismissed, 'dismissed')).toMatchObject({ status: 403 })
  expect(await resolve(bob, 'team', 1_000_000, 'dismissed')).toMatchObject({ body: { code: 'report_not_found' } })
  expect((await resolve(bob, 'team', dismissed, 'dismissed')).status).toBe(204)
  expect((await resolve(bob, 'team', deleted, 'deleted')).status).toBe(204)
  for (const id of [dismissed, deleted, another])
    expect(await resolve(ann, 'team', id, 'deleted')).toMatchObject({ status: 409, body: { code: 'already_resolved' } })
  expect((await list(ann, 'team', '?state=open')).body.reports).toEqual([])
  const by = { state: 'resolved', resolved_by: { user_id: bob.id, username: 'bob' }, content: TEXT }
  expect((await list(ann, 'team', '?state=resolved')).body.reports).toMatchObject([
    { id: another, outcome: 'deleted', ...by },
    { id: deleted, outcome: 'deleted', ...by },
    { id: dismissed, outcome: 'dismissed', ...by }
  ])
  expect((await as(dan, 'GET', `${ROOMS}/team/messages/${one}`)).body).toMatchObject({ content: TEXT })
  expect((await as(dan, 'GET', `${ROOMS}/team/messages/${two}`)).body).toMatchObject({ content: null })
  const { entries } = (await as(dan, 'GET', `${ROOMS}/team/log`)).body
  expect(entries.at(-1)).toMatchObject({ type: 'deletion', target: two, user_id: bob.id })
})

test('a report of a message that was deleted in the meantime is resolved, and one of a higher role is not', async () => {
  const { people, post, report, list, resolve, team, as } = await start()
  const [ann, bob, cat, dan] = people
  await team()
  const [seq, ofOwner] = [await post(dan, 'team'), await post(ann, 'team')]
  const { id } = (await report(cat, 'team', seq)).body
  await as(dan, 'DELETE', `${ROOMS}/team/messages/${seq}`)
  expect((await resolve(bob, 'team', id, 'deleted')).status).toBe(204)
  const higher = (await report(cat, 'team', ofOwner)).body.id
  expect(await resolve(bob, 'team', higher, 'deleted')).toMatchObject({ status: 403, body: { code: 'not_author' } })
  expect((await list(ann, 'team', '?state=open')).body.reports).toMatchObject([{ id: higher }])
})

test('lists reports page by page, with the newest first', async () => {
  const { people, post, report, list, team } = await start()
  const [ann, , cat, dan] = people
  await team()
  const ids: number[] = []
  for (let at = 0; at < 3; at++) ids.unshift((await report(cat, 'team', await post(dan, 'team'))).body.id)
  const first = (await list(ann, 'team', '?limit=2')).body
  expect(first).toMatchObject({ reports: [{ id: ids[0] }, { id: ids[1] }], has_more: true, next: ids[1] })
  expect((await list(ann, 'team', `?limit=2&after=${first.next}`)).body).toMatchObject({
    reports: [{ id: ids[2] }],
    has_more: false
  })
})

test('an administrator reviews reports of public and direct rooms, and each reading and resolution is in the audit log', async () => {
  const { people, post, report, create, put, promote, as, database, register } = await start()
  const [ann, bob, cat] = people
  const boss = await register('boss')
  await promote(boss)
  const { room: secret } = await create(ann, { visibility: 'private' })
  await put(ann, secret, bob.id)
  const direct = (await as(ann, 'POST', '/api/chat/direct', { users: [bob.id] })).body.room
  const ids: Record<string, number> = {}
  const seqs: Record<string, number> = {}
  await post(bob, direct, 'an earlier text')
  for (const room of ['general', secret, direct]) {
    seqs[room] = await post(bob, room, `${TEXT} in ${room}`)
    ids[room] = (await report(ann, room, seqs[room])).body.id
  }
  const all = async (query = '') => (await as(boss, 'GET', `/api/admin/reports${query}`)).body
  expect(await all()).toMatchObject({
    reports: [
      { id: ids[direct], room: direct, content: `${TEXT} in ${direct}` },
      { id: ids.general, room: 'general' }
    ],
    has_more: false
  })
  expect(JSON.stringify(await all())).not.toContain('an earlier text')
  expect((await as(cat, 'GET', '/api/admin/reports')).status).toBe(403)
  const resolve = (id: number | undefined, outcome: string) =>
    as(boss, 'POST', `/api/admin/reports/${id}/resolve`, { outcome })
  expect(await resolve(ids[secret], 'dismissed')).toMatchObject({ status: 404, body: { code: 'report_not_found' } })
  expect((await resolve(ids[direct], 'deleted')).status).toBe(204)
  expect(await resolve(ids[direct], 'deleted')).toMatchObject({ status: 409, body: { code: 'already_resolved' } })
  expect((await resolve(ids.general, 'deleted')).status).toBe(204)
  for (const room of ['general', direct])
    expect((await as(bob, 'GET', `${ROOMS}/${room}/messages/${seqs[room]}`)).body).toMatchObject({ content: null })
  expect((await as(bob, 'GET', `${ROOMS}/${direct}/log`)).body.entries.at(-1)).toMatchObject({
    type: 'deletion',
    user_id: boss.id
  })
  // The administrator still reads nothing else of the direct room, and deletes nothing that was not reported.
  expect((await as(boss, 'GET', `${ROOMS}/${direct}/messages`)).status).toBe(404)
  expect((await as(boss, 'DELETE', `${ROOMS}/${direct}/messages/1`)).status).toBe(404)
  // An administrator who is a member of the private room can list its reports. Only a moderator of the room may delete messages
  // of others.
  await put(boss, secret, 'me')
  expect(await all('?state=open')).toMatchObject({ reports: [{ id: ids[secret], room: secret }] })
  expect(await resolve(ids[secret], 'deleted')).toMatchObject({ status: 403, body: { code: 'not_author' } })
  expect((await resolve(ids[secret], 'dismissed')).status).toBe(204)
  const events = (await database.audit.list({}, 100)).filter(({ event }) => event.startsWith('report'))
  expect(events.filter(({ event }) => event === 'reports_read')).toHaveLength(3)
  expect(events.filter(({ event }) => event === 'report_resolved')).toMatchObject([
    { actorId: boss.id, userId: bob.id, detail: { report: ids[secret], outcome: 'dismissed' } },
    { actorId: boss.id, userId: bob.id, detail: { report: ids.general, outcome: 'deleted' } },
    { actorId: boss.id, userId: bob.id, detail: { report: ids[direct], outcome: 'deleted' } }
  ])
  expect(JSON.stringify(events)).not.toContain(TEXT)
})

test('moderators of other rooms, people who left, and banned people neither read nor report', async () => {
  const { people, post, report, list, create, put, remove, sql } = await start()
  const [ann, bob, cat] = people
  const { room } = await create(ann, { visibility: 'private' })
  await put(ann, room, bob.id, { role: 'moderator' })
  const seq = await post(ann, room)
  await report(bob, room, seq)
  await remove(ann, room, bob.id)
  const absent = { status: 404, body: { code: 'room_not_found' } }
  expect(await list(bob, room)).toMatchObject(absent)
  expect(await report(bob, room, seq)).toMatchObject(absent)
  expect(await report(cat, room, seq)).toMatchObject(absent)
  const inGeneral = await post(ann, 'general')
  const general = await sql(`select id from @rooms where name = 'general'`)
  await sql(`insert into @restrictions (room_id, user_id, kind) values (${general[0]?.id}, ${cat.id}, 'ban')`)
  expect((await report(cat, 'general', inGeneral)).status).toBeGreaterThanOrEqual(400)
  expect(await sql(`select from @reports where user_id = ${cat.id}`)).toEqual([])
})

test('limits reports to 20 per hour per user', async () => {
  const { people, post, report } = await start()
  const [ann, bob] = people
  const seq = await post(ann, 'general')
  for (let at = 0; at < 20; at++) expect((await report(bob, 'general', seq)).status).toBe(at === 0 ? 201 : 200)
  const late = await report(bob, 'general', seq)
  expect(late).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(3000)
  expect((await report(ann, 'general', seq)).status).toBe(201)
})

test('reports are deleted some days after their resolution, and open ones stay', async () => {
  const { people, post, report, resolve, list, team, sql, database } = await start()
  const [ann, , cat, dan] = people
  await team()
  const ids: number[] = []
  for (let at = 0; at < 3; at++) ids.push((await report(cat, 'team', await post(dan, 'team'))).body.id)
  await report(cat, 'general', await post(dan, 'general'))
  await resolve(ann, 'team', ids[0] ?? 0, 'dismissed')
  await resolve(ann, 'team', ids[1] ?? 0, 'dismissed')
  await sql(`update @reports set resolved_at = resolved_at - interval '8 days' where id = ${ids[0]}`)
  await sql(`update @reports set created_at = created_at - interval '400 days'`)
  const sweep = retentionJobs(database, 30, 7).reports
  expect(await sweep?.(1000)).toBe(1)
  expect((await list(ann, 'team')).body.reports.map(({ id }: { id: number }) => id)).toEqual([ids[2], ids[1]])
  expect(await sql('select from @reports')).toHaveLength(3)
})

test('the end of an account removes the reasons of its reports, and the name from reports', async () => {
  const { people, post, report, list, team, as, sql } = await start()
  const [ann, , cat, dan] = people
  await team()
  const seq = await post(dan, 'team')
  await report(cat, 'team', seq, { reason: REASON })
  for (const person of [cat, dan]) {
    await as(person, 'POST', '/api/auth/proof', { password: PASSWORD })
    expect((await as(person, 'DELETE', '/api/users/me', { erase: true })).status).toBe(202)
  }
  await expect.poll(async () => (await sql('select from @reports where reason is not null')).length).toBe(0)
  await expect
    .poll(async () => (await list(ann, 'team')).body.reports[0].author.username)
    .toBe(`deleted user ${dan.id}`)
  const [found] = (await list(ann, 'team')).body.reports
  expect(found).toMatchObject({ content: TEXT, reporter: { username: `deleted user ${cat.id}` } })
  expect(found).not.toHaveProperty('reason')
})

test('neither the text nor the reason is logged or stored in the clear', async () => {
  const { people, post, report, list, resolve, team, log, database } = await start({ settings: { logLevel: 'trace' } })
  const [ann, , cat, dan] = people
  await team()
  const seq = await post(dan, 'team')
  const { id } = (await report(cat, 'team', seq, { reason: REASON })).body
  await report(cat, 'team', seq, { reason: 'x'.repeat(501) })
  await list(ann, 'team')
  await resolve(ann, 'team', id, 'deleted')
  expect(log()).toContain('/reports')
  const rows = await database.client.query(`select row_to_json(one) as row from "${database.schema}".reports as one`)
  expect(rows).toHaveLength(1)
  for (const secret of [TEXT, REASON]) {
    expect(log()).not.toContain(secret)
    expect(JSON.stringify(rows)).not.toContain(secret)
  }
})

test('a user who may not moderate according to the host application may not read or resolve reports', async () => {
  const { people, post, report, list, resolve, team } = await start({
    authorizeActions: ['moderate'],
    authorize: ({ user, action }) => action !== 'moderate' || user.name !== 'bob'
  })
  const [ann, bob, cat, dan] = people
  await team()
  const { id } = (await report(cat, 'team', await post(dan, 'team'))).body
  expect(await list(bob, 'team')).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await resolve(bob, 'team', id, 'dismissed')).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect((await list(ann, 'team')).body.reports).toMatchObject([{ id, state: 'open' }])
})
