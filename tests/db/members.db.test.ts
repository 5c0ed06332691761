/** Tests who may change the members and the properties of a room. SQL checks the rights while it appends the entry. */
import { describe, expect, test } from 'vitest'
import { createDatabase, type NewEntry } from '../../src/db/database.ts'
import type { MemberRole, Visibility } from '../../src/db/tables.ts'
import { analyze, testDatabase } from '../support/database.ts'

type Name = 'owner' | 'moderator' | 'member' | 'stranger' | 'admin' | 'gone'
const ROLES: Partial<Record<Name, MemberRole>> = { owner: 'owner', moderator: 'moderator', member: 'member' }

/** Creates a room with an owner, a moderator and a member, and three users who are not members. */
const start = async (visibility: Visibility) => {
  const database = await testDatabase()
  const { client, schema } = database
  const ids = {} as Record<Name, number>
  for (const name of ['owner', 'moderator', 'member', 'stranger', 'admin', 'gone'] as const)
    ids[name] = (await database.users.create({ username: name, hashedPassword: null })).id
  const sql = (text: string) => client.query<{ id: number }>(text.replaceAll('@', `"${schema}".`))
  await sql(`update @users set role = 'admin' where id = ${ids.admin}`)
  await sql(`update @users set status = 'deleted' where id = ${ids.gone}`)
  const [room] = await sql(
    `insert into @rooms (name, visibility, guarded) values ('r', '${visibility}', ${visibility !== 'public'}) returning id`
  )
  const roomId = room?.id ?? 0
  for (const [name, role] of Object.entries(ROLES))
    await sql(`insert into @members (room_id, user_id, role) values (${roomId}, ${ids[name as Name]}, '${role}')`)
  let writes = 0
  const entry = (author: Name, kind: string, detail: object | null, more: Partial<NewEntry> = {}): NewEntry => ({
    roomId,
    userId: ids[author],
    writeId: `w${writes++}`,
    kind,
    content: kind === 'message' ? 'token' : null,
    meta: null,
    keyId: null,
    detail: detail && JSON.stringify(detail),
    ...more
  })
  const append = async (...batch: NewEntry[]) =>
    (await database.messages.append(batch)).map(result =>
      'refused' in result ? result.refused : (result.detail ?? result.outcome)
    )
  /** Appends a change of members. Returns the stored event with the role, the code of a refusal, or else the outcome. */
  const change = async (author: Name, op: 'put' | 'remove', subject: Name, more: object = {}) => {
    const [result = ''] = await append(entry(author, 'membership', { subject: ids[subject], op, ...more }))
    if (!result.startsWith('{')) return result
    const { event, role } = JSON.parse(result)
    return role ? `${event} ${role}` : event
  }
  const role = async (name: Name) => (await database.standings([{ room: 'r', userId: ids[name] }]))[0]?.role
  return { database, ids, sql, entry, append, change, role, roomId }
}

describe('a private room', () => {
  test.each<[Name, 'put' | 'remove', Name, object, string]>([
    ['member', 'put', 'stranger', {}, 'added member'],
    ['member', 'put', 'stranger', { role: 'moderator' }, 'not_allowed'],
    ['moderator', 'put', 'stranger', { role: 'moderator' }, 'not_allowed'],
    ['owner', 'put', 'stranger', { role: 'moderator' }, 'added moderator'],
    ['member', 'put', 'moderator', {}, 'already_member'],
    ['owner', 'put', 'moderator', { role: 'moderator' }, 'already_member'],
    ['member', 'put', 'gone', {}, 'user_not_found'],
    ['stranger', 'put', 'stranger', {}, 'room_not_found'],
    ['stranger', 'put', 'gone', {}, 'room_not_found'],
    ['admin', 'put', 'admin', {}, 'joined member'],
    ['admin', 'put', 'admin', { role: 'owner' }, 'not_allowed'],
    ['admin', 'put', 'stranger', {}, 'room_not_found'],
    ['admin', 'remove', 'member', {}, 'room_not_found'],
    ['stranger', 'put', 'stranger', { host: true }, 'joined member'],
    ['member', 'remove', 'member', { host: true }, 'removed'],
    ['stranger', 'put', 'member', { host: true, role: 'owner' }, 'role_changed owner'],
    ['owner', 'put', 'member', { role: 'moderator' }, 'role_changed moderator'],
    ['moderator', 'put', 'member', { role: 'moderator' }, 'not_allowed'],
    ['moderator', 'put', 'moderator', { role: 'owner' }, 'not_allowed'],
    ['owner', 'put', 'owner', { role: 'member' }, 'last_owner'],
    ['owner', 'remove', 'owner', {}, 'last_owner'],
    ['owner', 'remove', 'moderator', {}, 'removed'],
    ['moderator', 'remove', 'member', {}, 'removed'],
    ['moderator', 'remove', 'moderator', {}, 'left'],
    ['moderator', 'remove', 'owner', {}, 'not_allowed'],
    ['member', 'remove', 'moderator', {}, 'not_allowed'],
    ['member', 'remove', 'member', {}, 'left'],
    ['member', 'remove', 'stranger', {}, 'user_not_found'],
    ['stranger', 'remove', 'stranger', {}, 'room_not_found'],
    ['admin', 'remove', 'member', { host: true }, 'removed']
  ])('%s %s %s %j: %s', async (author, op, subject, more, result) => {
    const { change, role } = await start('private')
    const before = await role(subject)
    expect(await change(author, op, subject, more)).toBe(result)
    const isDone = result.includes(' ') || result === 'left' || result === 'removed'
    expect(await role(subject)).toBe(isDone ? result.split(' ')[1] : before)
  })

  test('lets an owner leave when there is another owner, or when nobody else is a member', async () => {
    const { change, role } = await start('private')
    expect(await change('owner', 'put', 'member', { role: 'owner' })).toBe('role_changed owner')
    expect(await change('owner', 'put', 'member', { role: 'member' })).toBe('not_allowed')
    expect(await change('owner', 'remove', 'member')).toBe('not_allowed')
    expect(await change('owner', 'put', 'owner', { role: 'member' })).toBe('role_changed member')
    expect(await change('member', 'remove', 'owner')).toBe('removed')
    expect(await change('member', 'remove', 'moderator')).toBe('removed')
    expect(await change('member', 'put', 'member', { role: 'moderator' })).toBe('last_owner')
    expect(await change('member', 'remove', 'member')).toBe('left')
    expect(await role('member')).toBeUndefined()
  })

  test('refuses entries of users who are not members, also in a batch of several rooms', async () => {
    const { append, entry, sql } = await start('private')
    const [other] = await sql(`insert into @rooms (name) values ('other') returning id`)
    const elsewhere = { roomId: other?.id ?? 0 }
    expect(
      await append(
        entry('stranger', 'message', null),
        entry('member', 'message', null),
        entry('stranger', 'message', null, elsewhere),
        entry('admin', 'message', null)
      )
    ).toEqual(['room_not_found', 'stored', 'stored', 'room_not_found'])
    expect(await append(entry('stranger', 'message', null))).toEqual(['room_not_found'])
    expect(await append(entry('stranger', 'message', null, { targetSeq: 1 }))).toEqual(['room_not_found'])
    expect(await append(entry('stranger', 'message', { host: true }))).toEqual(['{"host":true}'])
    const reaction = { key: '+1', action: 'added' }
    expect(await append(entry('stranger', 'reaction', reaction, { targetSeq: 1 }))).toEqual(['room_not_found'])
    expect(await append(entry('stranger', 'deletion', null, { targetSeq: 1 }))).toEqual(['room_not_found'])
  })

  test('refuses what a removed member sends in the same batch, and acknowledges what was stored before', async () => {
    const { append, entry, ids } = await start('private')
    const known = entry('member', 'message', null)
    expect(await append(known)).toEqual(['stored'])
    const results = await append(
      entry('member', 'message', null),
      entry('owner', 'membership', { subject: ids.member, op: 'remove' }),
      entry('member', 'message', null)
    )
    expect(results).toEqual(['stored', expect.stringContaining('removed'), 'room_not_found'])
    expect(await append(known)).toEqual(['replayed'])
  })

  test('lets a moderator delete the messages of members, but not those of an owner', async () => {
    const { append, entry, change } = await start('private')
    await append(entry('member', 'message', null), entry('owner', 'message', null), entry('moderator', 'message', null))
    const deletion = (author: Name, targetSeq: number) => append(entry(author, 'deletion', null, { targetSeq }))
    expect(await deletion('member', 3)).toEqual(['not_author'])
    expect(await deletion('moderator', 2)).toEqual(['not_author'])
    await change('admin', 'put', 'admin')
    expect(await deletion('admin', 1)).toEqual(['not_author'])
    expect(await deletion('moderator', 1)).not.toEqual(['not_author'])
    expect(await deletion('owner', 3)).not.toEqual(['not_author'])
  })

  test('drops mentions of users who are not members', async () => {
    const { append, entry, ids } = await start('private')
    const mentions = { mentions: [ids.member, ids.stranger, ids.owner] }
    const [result = ''] = await append(entry('owner', 'message', mentions))
    expect(JSON.parse(result).mentions).toEqual([ids.owner, ids.member])
  })

  test('changes the title and the topic for an owner', async () => {
    const { append, entry, database } = await start('private')
    const [result = ''] = await append(entry('owner', 'room', { title: 'New', topic: null }))
    expect(JSON.parse(result)).toEqual({ title: 'New' })
    expect(await append(entry('moderator', 'room', { title: 'Other' }))).toEqual(['not_allowed'])
    expect(await append(entry('stranger', 'room', { title: 'Other' }))).toEqual(['room_not_found'])
    expect(await append(entry('admin', 'room', { title: 'Other' }))).toEqual(['room_not_found'])
    expect(await database.rooms.findByName('r')).toMatchObject({ title: 'New', topic: null, lastSeq: 1 })
    expect(await append(entry('owner', 'room', { title: 'New' }))).toEqual(['room_unchanged'])
    const [removed = ''] = await append(entry('stranger', 'room', { title: null, topic: 'All', host: true }))
    expect(JSON.parse(removed)).toEqual({ title: null, topic: 'All' })
  })
})

describe('a public room', () => {
  test.each<[Name, 'put' | 'remove', Name, object, string]>([
    ['stranger', 'put', 'stranger', {}, 'joined member'],
    ['stranger', 'put', 'stranger', { role: 'moderator' }, 'not_allowed'],
    ['member', 'put', 'stranger', {}, 'not_allowed'],
    ['stranger', 'put', 'gone', {}, 'not_allowed'],
    ['stranger', 'put', 'admin', {}, 'not_allowed'],
    ['moderator', 'put', 'gone', {}, 'user_not_found'],
    ['moderator', 'put', 'stranger', {}, 'added member'],
    ['stranger', 'remove', 'member', {}, 'not_allowed'],
    ['admin', 'put', 'member', { role: 'owner' }, 'role_changed owner'],
    ['admin', 'put', 'admin', { role: 'owner' }, 'joined owner'],
    ['admin', 'remove', 'moderator', {}, 'removed'],
    ['admin', 'remove', 'owner', {}, 'last_owner']
  ])('%s %s %s %j: %s', async (author, op, subject, more, result) => {
    const { change } = await start('public')
    expect(await change(author, op, subject, more)).toBe(result)
  })

  test('accepts messages of users who are not members, which an administrator can delete', async () => {
    const { append, entry, sql } = await start('public')
    expect(await append(entry('stranger', 'message', null))).toEqual(['stored'])
    const deletion = () => append(entry('admin', 'deletion', null, { targetSeq: 1 }))
    await sql(`update @users set status = 'suspended' where username = 'admin'`)
    expect(await deletion()).toEqual(['not_author'])
    await sql(`update @users set status = 'active' where username = 'admin'`)
    expect(await deletion()).not.toEqual(['not_author'])
  })

  test('adds no entry for users who join or leave once the room has more than 100 members', async () => {
    const { sql, change, append, entry, roomId, database, role } = await start('public')
    await append(entry('member', 'message', null))
    await sql(`insert into @members (room_id, user_id) select ${roomId}, n from generate_series(1001, 1098) as n`)
    expect(await change('stranger', 'put', 'stranger')).toBe('unchanged')
    expect(await role('stranger')).toBe('member')
    expect(await change('owner', 'put', 'stranger', { role: 'moderator' })).toBe('role_changed moderator')
    expect(await database.rooms.findByName('r')).toMatchObject({ lastSeq: 2 })
  })
})

test('a change of a room that changes nothing appends nothing, also if the room is empty', async () => {
  const { append, entry, database } = await start('private')
  expect(await append(entry('owner', 'room', { title: null }))).toEqual(['room_unchanged'])
  expect(await database.rooms.findByName('r')).toMatchObject({ lastSeq: 0 })
})

test('a user whose account ends has left, although the service removes them like the host application', async () => {
  const { change, sql, ids } = await start('private')
  await sql(`update @users set status = 'deleting' where id = ${ids.member}`)
  expect(await change('member', 'remove', 'member', { host: true })).toBe('left')
})

test('the check for another owner reads only the owners', async () => {
  const { sql, roomId, database, ids } = await start('public')
  await sql(`insert into @members (room_id, user_id) select ${roomId}, n from generate_series(1001, 11000) as n`)
  await analyze(database.schema, 'members')
  const plan = await database.client.query<{ 'QUERY PLAN': string }>(
    `explain select from "${database.schema}".members as other
     join "${database.schema}".users as known on known.id = other.user_id and known.status in ('active', 'suspended')
     where other.room_id = ${roomId} and other.user_id <> ${ids.owner} and other.role = 'owner'`
  )
  expect(plan.map(row => row['QUERY PLAN']).join('\n')).toContain('members_owner_idx')
})

describe('a direct room', () => {
  test('is read-only for the last member, who may still delete messages', async () => {
    const { append, entry, sql, roomId, ids } = await start('direct')
    await sql(`delete from @members where room_id = ${roomId} and user_id = ${ids.moderator}`)
    expect(await append(entry('owner', 'message', null))).toEqual(['stored'])
    await sql(`delete from @members where room_id = ${roomId} and user_id = ${ids.member}`)
    const reaction = { key: 'a', action: 'added' }
    expect(
      await append(
        entry('owner', 'message', null),
        entry('owner', 'reaction', reaction, { targetSeq: 1 }),
        entry('owner', 'pin', { action: 'added' }, { targetSeq: 1 })
      )
    ).toEqual(['not_allowed', 'not_allowed', 'not_allowed'])
    expect(await append(entry('owner', 'message', null))).toEqual(['not_allowed'])
    expect(await append(entry('owner', 'deletion', null, { targetSeq: 1 }))).not.toContain('not_allowed')
  })

  test('changes its members and its title only for the host application', async () => {
    const { change, append, entry } = await start('direct')
    expect(await change('owner', 'put', 'stranger')).toBe('not_allowed')
    expect(await change('member', 'remove', 'member')).toBe('not_allowed')
    expect(await change('admin', 'put', 'admin')).toBe('room_not_found')
    expect(await append(entry('owner', 'room', { title: 'New' }))).toEqual(['not_allowed'])
    expect(await change('owner', 'put', 'stranger', { host: true })).toBe('added member')
  })
})

test('refuses changes of members and rooms before the step of the upgrade is finished', async () => {
  const { sql, change, append, entry } = await start('public')
  await sql(`delete from @upgrades where step = 'rooms'`)
  expect(await change('stranger', 'put', 'stranger')).toBe('upgrade_pending')
  expect(await append(entry('owner', 'room', { title: 'New' }))).toEqual(['upgrade_pending'])
})

test('keeps an owner if two owners leave at the same time', async () => {
  const { database, ids, sql, entry, change, roomId } = await start('private')
  await change('owner', 'put', 'member', { role: 'owner' })
  const again = createDatabase(database.client, database.schema)
  const leave = (name: Name, on: typeof database) =>
    on.messages.append([entry(name, 'membership', { subject: ids[name], op: 'remove' })])
  const results = (await Promise.all([leave('owner', database), leave('member', again)])).flat()
  expect(results.filter(result => 'refused' in result)).toEqual([{ refused: 'last_owner' }])
  expect(await sql(`select user_id as id from @members where room_id = ${roomId} and role = 'owner'`)).toHaveLength(1)
})

test('finds no role of a user in an absent room, and keeps the order of the keys', async () => {
  const { database, ids } = await start('private')
  const keys = [
    { room: 'absent', userId: ids.owner },
    { room: 'r', userId: ids.moderator },
    { room: 'r', userId: ids.stranger },
    { room: 'r', userId: ids.owner }
  ]
  expect(await database.standings(keys)).toEqual([{}, { role: 'moderator' }, {}, { role: 'owner' }])
})
