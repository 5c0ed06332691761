/** Tests mutes, bans, slow mode, archived and deleted rooms. The append functions in SQL enforce them. */
import { describe, expect, test } from 'vitest'
import { createDatabase, type NewEntry } from '../../src/db/database.ts'
import type { MemberRole, Visibility } from '../../src/db/tables.ts'
import { testDatabase } from '../support/database.ts'

type Name = 'owner' | 'moderator' | 'peer' | 'member' | 'stranger' | 'admin' | 'chief' | 'gone'
type Op = 'put' | 'remove' | 'mute' | 'unmute' | 'ban' | 'unban'
const ROLES: Partial<Record<Name, MemberRole>> = {
  owner: 'owner',
  moderator: 'moderator',
  peer: 'moderator',
  member: 'member'
}
const NAMES = ['owner', 'moderator', 'peer', 'member', 'stranger', 'admin', 'chief', 'gone'] as const

const start = async (visibility: Visibility, name = 'r') => {
  const database = await testDatabase()
  const { client, schema } = database
  const ids = {} as Record<Name, number>
  for (const user of NAMES) ids[user] = (await database.users.create({ username: user, hashedPassword: null })).id
  const sql = <Row extends object = { id: number }>(text: string) =>
    client.query<Row>(text.replaceAll('@', `"${schema}".`))
  await sql(`update @users set role = 'admin' where username in ('admin', 'chief')`)
  await sql(`update @users set status = 'deleted' where username = 'gone'`)
  await sql(
    `insert into @rooms (name, visibility, guarded) values ('${name}', '${visibility}', ${visibility !== 'public'})
     on conflict do nothing`
  )
  const roomId = (await sql(`select id from @rooms where name = '${name}'`))[0]?.id ?? 0
  for (const [user, role] of Object.entries(ROLES))
    await sql(`insert into @members (room_id, user_id, role) values (${roomId}, ${ids[user as Name]}, '${role}')`)
  let writes = 0
  const entry = (author: Name, kind: string, detail: object | null = null, more: Partial<NewEntry> = {}): NewEntry => ({
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
    (await database.messages.append(batch)).map(result => ('refused' in result ? result.refused : result.outcome))
  const full = async (one: NewEntry) => (await database.messages.append([one]))[0]
  const moderate = (author: Name, op: Op, subject: Name, more: object = {}) =>
    entry(author, 'membership', { subject: ids[subject], op, ...more })
  /** Appends a change. Returns the code, or the event that was stored. */
  const change = async (author: Name, op: Op, subject: Name, more: object = {}) => {
    const [result] = await database.messages.append([moderate(author, op, subject, more)])
    if (!result) throw new Error('no result')
    return 'refused' in result ? result.refused : JSON.parse(result.detail ?? '{}').event
  }
  const isGuarded = async () =>
    (await sql<{ guarded: boolean }>(`select guarded from @rooms where id = ${roomId}`))[0]?.guarded
  return { database, ids, sql, entry, append, full, moderate, change, isGuarded, roomId }
}

describe('who may restrict whom', () => {
  test.each<[Visibility, Name, Op, Name, object, string]>([
    ['public', 'moderator', 'mute', 'member', {}, 'muted'],
    ['public', 'moderator', 'ban', 'member', {}, 'banned'],
    ['public', 'moderator', 'ban', 'stranger', {}, 'banned'],
    ['public', 'moderator', 'ban', 'peer', {}, 'not_allowed'],
    ['public', 'moderator', 'mute', 'owner', {}, 'not_allowed'],
    ['public', 'moderator', 'mute', 'moderator', {}, 'not_allowed'],
    ['public', 'moderator', 'ban', 'admin', {}, 'not_allowed'],
    ['public', 'owner', 'ban', 'moderator', {}, 'banned'],
    ['public', 'owner', 'ban', 'owner', {}, 'not_allowed'],
    ['public', 'owner', 'ban', 'admin', {}, 'not_allowed'],
    ['public', 'member', 'mute', 'stranger', {}, 'not_allowed'],
    ['public', 'member', 'mute', 'gone', {}, 'not_allowed'],
    ['public', 'moderator', 'ban', 'gone', {}, 'user_not_found'],
    ['public', 'moderator', 'unban', 'member', {}, 'user_not_found'],
    ['public', 'admin', 'mute', 'owner', {}, 'muted'],
    ['public', 'admin', 'ban', 'owner', {}, 'last_owner'],
    ['public', 'admin', 'ban', 'chief', {}, 'not_allowed'],
    ['public', 'stranger', 'ban', 'admin', { host: true }, 'banned'],
    ['private', 'moderator', 'ban', 'stranger', {}, 'banned'],
    ['private', 'moderator', 'ban', 'admin', {}, 'banned'],
    ['private', 'admin', 'ban', 'member', {}, 'room_not_found'],
    ['private', 'stranger', 'mute', 'member', {}, 'room_not_found'],
    ['direct', 'owner', 'mute', 'member', {}, 'not_allowed'],
    ['direct', 'owner', 'mute', 'member', { host: true }, 'muted']
  ])('%s: %s %s %s %j: %s', async (visibility, author, op, subject, more, result) => {
    const { change } = await start(visibility)
    expect(await change(author, op, subject, more)).toBe(result)
  })
})

describe('a mute', () => {
  test('refuses everything but the deletion of own messages, joining and leaving', async () => {
    const { entry, append, change } = await start('public')
    await append(entry('peer', 'message'), entry('owner', 'message'), entry('member', 'message'))
    expect(await change('owner', 'mute', 'peer')).toBe('muted')
    const onOwn = { targetSeq: 1 }
    expect(
      await append(
        entry('peer', 'message'),
        entry('peer', 'edit', {}, { ...onOwn, content: 'token' }),
        entry('peer', 'reaction', { key: '+1', action: 'added' }, onOwn),
        entry('peer', 'deletion', null, { targetSeq: 3 }),
        entry('peer', 'deletion', null, onOwn),
        entry('peer', 'room', { slow_mode_seconds: 5 })
      )
    ).toEqual(['muted', 'muted', 'muted', 'muted', 'stored', 'muted'])
    expect(await change('peer', 'unmute', 'peer')).toBe('muted')
    expect(await change('peer', 'ban', 'member')).toBe('muted')
    expect(await change('peer', 'put', 'stranger')).toBe('muted')
    expect(await change('peer', 'remove', 'peer')).toBe('left')
    expect(await change('peer', 'put', 'peer')).toBe('joined')
    expect(await append(entry('peer', 'message'), entry('member', 'message'))).toEqual(['muted', 'stored'])
    expect(await change('owner', 'unmute', 'peer')).toBe('unmuted')
    expect(await append(entry('peer', 'message'))).toEqual(['stored'])
  })

  test('is reported with its end, and ends by the clock of the database', async () => {
    const { entry, append, change, full, sql } = await start('private')
    const until = Date.now() + 3_600_000
    await change('moderator', 'mute', 'member', { until })
    expect(await full(entry('member', 'message'))).toEqual({ refused: 'muted', until })
    await sql(`update @restrictions set until = clock_timestamp() - interval '1 second'`)
    expect(await append(entry('member', 'message'))).toEqual(['stored'])
  })
})

describe('a ban', () => {
  test('removes the member, and refuses every entry and every way to join', async () => {
    const { entry, append, change, database, ids, full } = await start('public')
    await append(entry('member', 'message'))
    expect(await change('moderator', 'ban', 'member')).toBe('banned')
    expect(await database.members.find((await database.rooms.findByName('r'))?.id ?? 0, ids.member)).toBeUndefined()
    expect(
      await append(
        entry('member', 'message'),
        entry('member', 'deletion', null, { targetSeq: 1 }),
        entry('stranger', 'message')
      )
    ).toEqual(['banned', 'banned', 'stored'])
    expect(await change('member', 'put', 'member')).toBe('banned')
    expect(await change('moderator', 'put', 'member')).toBe('banned')
    expect(await change('member', 'put', 'member', { host: true })).toBe('banned')
    expect(await full(entry('member', 'message'))).toEqual({ refused: 'banned' })
    expect(await change('moderator', 'unban', 'member')).toBe('unbanned')
    expect(await change('member', 'put', 'member')).toBe('joined')
  })

  test('may precede joining, and hides a private room', async () => {
    const { entry, append, change } = await start('private')
    expect(await change('moderator', 'ban', 'stranger')).toBe('banned')
    expect(await change('member', 'put', 'stranger')).toBe('banned')
    expect(await append(entry('stranger', 'message'))).toEqual(['room_not_found'])
    expect(await change('admin', 'put', 'admin')).toBe('joined')
    expect(await change('owner', 'ban', 'admin')).toBe('banned')
    expect(await change('admin', 'put', 'admin')).toBe('banned')
  })

  test('ends by the clock of the database', async () => {
    const { entry, append, change, sql } = await start('public')
    await change('moderator', 'ban', 'stranger', { until: Date.now() + 3_600_000 })
    expect(await append(entry('stranger', 'message'))).toEqual(['banned'])
    await sql(`update @restrictions set until = clock_timestamp() - interval '1 second'`)
    expect(await append(entry('stranger', 'message'))).toEqual(['stored'])
    expect(await change('stranger', 'put', 'stranger')).toBe('joined')
  })

  test('stores the reason and who banned, but not for the host application', async () => {
    const { database, moderate, sql, ids } = await start('public')
    await database.messages.append([
      { ...moderate('moderator', 'ban', 'member'), meta: 'reason', keyId: 'k' },
      moderate('stranger', 'mute', 'stranger', { host: true })
    ])
    expect(await sql(`select user_id, kind, by, reason, key_id from @restrictions order by user_id`)).toEqual([
      { user_id: ids.member, kind: 'ban', by: ids.moderator, reason: 'reason', key_id: 'k' },
      { user_id: ids.stranger, kind: 'mute', by: null, reason: null, key_id: null }
    ])
  })

  test('keeps the messages to erase with it, until the entry of the ban', async () => {
    const { entry, append, change, sql, ids } = await start('public')
    await append(entry('member', 'message'), entry('member', 'message'))
    await change('moderator', 'ban', 'member', { erase: 24 })
    expect(
      await sql(`select user_id, by, next_seq::integer as seq, now() - since between '23 hours' and '25 hours' as "isDay"
        from @ban_erasures`)
    ).toEqual([{ user_id: ids.member, by: ids.moderator, seq: 2, isDay: true }])
  })
})

describe('a batch', () => {
  test('refuses what a banned or a muted user sends after the ban, and keeps what came before', async () => {
    const { entry, append, moderate } = await start('public')
    expect(
      await append(
        entry('stranger', 'message'),
        entry('member', 'message'),
        moderate('moderator', 'ban', 'stranger'),
        entry('stranger', 'message'),
        moderate('moderator', 'mute', 'member'),
        entry('member', 'reaction', { key: '+1', action: 'added' }, { targetSeq: 1 }),
        moderate('moderator', 'unban', 'stranger'),
        entry('stranger', 'message')
      )
    ).toEqual(['stored', 'stored', 'stored', 'banned', 'stored', 'muted', 'stored', 'stored'])
  })

  test('acknowledges an entry that was stored before the ban', async () => {
    const { entry, append, change } = await start('public')
    const known = entry('member', 'message')
    expect(await append(known)).toEqual(['stored'])
    await change('moderator', 'ban', 'member')
    expect(await append(known, entry('member', 'message'), entry('owner', 'message'))).toEqual([
      'replayed',
      'banned',
      'stored'
    ])
  })

  test('of two processes stores nothing of a banned user after the entry of the ban', async () => {
    const { database, entry, moderate, sql, roomId, ids } = await start('public')
    const again = createDatabase(database.client, database.schema)
    await Promise.all([
      ...Array.from({ length: 20 }, () => again.messages.append([entry('stranger', 'message')])),
      database.messages.append([moderate('moderator', 'ban', 'stranger')]),
      ...Array.from({ length: 20 }, () => again.messages.append([entry('stranger', 'message')]))
    ])
    const late = await sql(`select seq from @messages where room_id = ${roomId} and user_id = ${ids.stranger}
      and seq > (select seq from @messages where room_id = ${roomId} and kind = 'membership')`)
    expect(late).toEqual([])
  })
})

describe('slow mode', () => {
  test('accepts one message per interval, also within one batch, but not from moderators', async () => {
    const { entry, append, full, sql } = await start('public')
    expect(await append(entry('moderator', 'room', { slow_mode_seconds: 60 }))).toEqual(['stored'])
    expect(
      await append(
        entry('stranger', 'message'),
        entry('stranger', 'message'),
        entry('member', 'message'),
        entry('moderator', 'message'),
        entry('moderator', 'message'),
        entry('admin', 'message'),
        entry('admin', 'message')
      )
    ).toEqual(['stored', 'slow_mode', 'stored', 'stored', 'stored', 'stored', 'stored'])
    const refused = await full(entry('stranger', 'message'))
    expect(refused).toEqual({ refused: 'slow_mode', retryAfterMs: expect.any(Number) })
    expect(refused && 'retryAfterMs' in refused && refused.retryAfterMs).toBeGreaterThan(50_000)
    expect(await append(entry('stranger', 'reaction', { key: '+1', action: 'added' }, { targetSeq: 2 }))).toEqual([
      'stored'
    ])
    await sql(`update @last_posts set posted_at = posted_at - interval '60 seconds'`)
    expect(await append(entry('stranger', 'message'))).toEqual(['stored'])
    expect(await append(entry('moderator', 'room', { slow_mode_seconds: 0 }), entry('stranger', 'message'))).toEqual([
      'stored',
      'stored'
    ])
  })

  test('begins within the batch that turns it on', async () => {
    const { entry, append } = await start('public')
    const slow = entry('moderator', 'room', { slow_mode_seconds: 60 })
    expect(await append(slow, entry('member', 'message'), entry('member', 'message'))).toEqual([
      'stored',
      'stored',
      'slow_mode'
    ])
  })
})

describe('a batch of messages', () => {
  /** Statements that prepare a room, and the result of each author's first and second message. */
  const situations: [string, Visibility, string[], Partial<Record<Name, [string, string]>>][] = [
    ['a private room', 'private', [], { member: ['stored', 'stored'], stranger: ['room_not_found', 'room_not_found'] }],
    [
      'a room with restrictions',
      'public',
      [
        `insert into @restrictions (room_id, user_id, kind, until) select ROOM, id, 'mute', now() + interval '1 hour' from @users where username = 'peer'`,
        `insert into @restrictions (room_id, user_id, kind, until) select ROOM, id, 'mute', now() - interval '1 hour' from @users where username = 'member'`,
        `insert into @restrictions (room_id, user_id, kind) select ROOM, id, 'ban' from @users where username = 'chief'`,
        `update @rooms set guarded = true where id = ROOM`
      ],
      {
        owner: ['stored', 'stored'],
        peer: ['muted', 'muted'],
        member: ['stored', 'stored'],
        chief: ['banned', 'banned']
      }
    ],
    [
      'a slow room',
      'private',
      [
        `update @rooms set slow_mode_seconds = 60 where id = ROOM`,
        `delete from @last_posts`,
        `insert into @last_posts select ROOM, id, now() from @users where username in ('stranger', 'peer')`,
        `insert into @members (room_id, user_id) select ROOM, id from @users where username = 'stranger' on conflict do nothing`
      ],
      {
        member: ['stored', 'slow_mode'],
        stranger: ['slow_mode', 'slow_mode'],
        peer: ['stored', 'stored'],
        admin: ['room_not_found', 'room_not_found']
      }
    ],
    [
      'an archived room',
      'private',
      [`update @rooms set archived = true where id = ROOM`],
      { owner: ['room_archived', 'room_archived'], stranger: ['room_not_found', 'room_not_found'] }
    ],
    [
      'a deleted room',
      'public',
      [`update @rooms set deleted_at = now(), guarded = true where id = ROOM`],
      { owner: ['room_not_found', 'room_not_found'] }
    ],
    [
      'a direct room of more than two users with a block',
      'direct',
      [
        `insert into @blocks select a.id, b.id from @users a, @users b where a.username = 'owner' and b.username = 'member'`
      ],
      { owner: ['stored', 'stored'], member: ['stored', 'stored'], stranger: ['room_not_found', 'room_not_found'] }
    ],
    [
      'a direct room of two users of whom one has blocked the other',
      'direct',
      [
        `delete from @members where user_id not in (select id from @users where username in ('owner', 'member'))`,
        `insert into @blocks select a.id, b.id from @users a, @users b where a.username = 'owner' and b.username = 'member'`
      ],
      { owner: ['not_allowed', 'not_allowed'], member: ['not_allowed', 'not_allowed'] }
    ],
    [
      'a direct room of one user',
      'direct',
      [`delete from @members where user_id not in (select id from @users where username = 'owner')`],
      { owner: ['not_allowed', 'not_allowed'], member: ['room_not_found', 'room_not_found'] }
    ]
  ]
  /** The kinds of batches. Each function returns the entries that follow the messages in the batch. */
  const ways: [string, (one: NewEntry, general: number) => NewEntry[]][] = [
    ['of one room', () => []],
    ['of several rooms', (one, general) => [{ ...one, roomId: general, writeId: 'beside' }]],
    [
      'beside an entry of another kind',
      (one, general) => [{ ...one, roomId: general, kind: 'wave', writeId: 'beside' }]
    ]
  ]

  test.for(situations.flatMap(one => ways.map(way => [...one, ...way] as const)))(
    'is checked per author in %s, %s (%#)',
    async ([, visibility, statements, expected, , beside]) => {
      const { database, entry, append, sql, roomId, ids } = await start(visibility)
      const general = (await database.rooms.findByName('general'))?.id ?? 0
      const authors = Object.keys(expected) as Name[]
      const known = authors.filter(author => expected[author]?.[0] === 'stored').map(author => entry(author, 'message'))
      expect(new Set(await append(...known))).toEqual(new Set(known.length > 0 ? ['stored'] : []))
      for (const statement of statements) await sql(statement.replaceAll('ROOM', String(roomId)))

      const first = authors.map(author => entry(author, 'message'))
      const second = authors.map(author => entry(author, 'message'))
      const rest = beside(entry('owner', 'message'), general)
      const results = await append(...known, ...first, ...second, ...rest)
      expect(results).toEqual([
        ...known.map(() => 'replayed'),
        ...authors.map(author => expected[author]?.[0]),
        ...authors.map(author => expected[author]?.[1]),
        ...rest.map(() => 'stored')
      ])
      // Appends each message in a separate batch, because the append function of the database may take a shorter path for a
      // batch without refused entries.
      for (const author of authors) {
        await sql(`delete from @last_posts where user_id = ${ids[author]} and '${author}' <> 'stranger'`)
        expect(await append(entry(author, 'message'))).toEqual([expected[author]?.[0]])
      }
    }
  )
})

describe('a room', () => {
  test('that is archived accepts only deletions by moderators and the end of the archive', async () => {
    const { entry, append, change } = await start('public')
    await append(entry('member', 'message'), entry('owner', 'message'))
    expect(await append(entry('moderator', 'room', { archived: true }))).toEqual(['not_allowed'])
    expect(await append(entry('owner', 'room', { archived: true }), entry('owner', 'message'))).toEqual([
      'stored',
      'room_archived'
    ])
    expect(
      await append(
        entry('member', 'message'),
        entry('member', 'reaction', { key: '+1', action: 'added' }, { targetSeq: 1 }),
        entry('member', 'deletion', null, { targetSeq: 1 }),
        entry('owner', 'room', { title: 'New' }),
        entry('stranger', 'message', { host: true }),
        entry('moderator', 'deletion', null, { targetSeq: 1 }),
        entry('moderator', 'room', { archived: false })
      )
    ).toEqual([
      'room_archived',
      'room_archived',
      'room_archived',
      'room_archived',
      'room_archived',
      'stored',
      'not_allowed'
    ])
    expect(await change('stranger', 'put', 'stranger')).toBe('room_archived')
    expect(await change('moderator', 'ban', 'stranger')).toBe('room_archived')
    expect(await change('member', 'remove', 'member', { host: true })).toBe('removed')
    expect(await append(entry('owner', 'room', { archived: false }), entry('member', 'message'))).toEqual([
      'stored',
      'stored'
    ])
  })

  test('that is deleted does not exist for anybody', async () => {
    const { entry, append, change, sql } = await start('public')
    const known = entry('owner', 'message')
    await append(known)
    expect(await append(entry('moderator', 'room', { deleted: true }))).toEqual(['not_allowed'])
    expect(await append(entry('admin', 'room', { deleted: true }), entry('owner', 'message'))).toEqual([
      'stored',
      'room_not_found'
    ])
    expect(await append(entry('owner', 'message', { host: true }), known)).toEqual(['room_not_found', 'replayed'])
    expect(await change('owner', 'put', 'stranger')).toBe('room_not_found')
    expect(await sql(`select deleted_at is not null as gone from @rooms where name = 'r'`)).toEqual([{ gone: true }])
  })

  test('that is private lets only moderators add members if it says so', async () => {
    const { entry, append, change } = await start('private')
    expect(await append(entry('owner', 'room', { invite: 'moderators' }))).toEqual(['stored'])
    expect(await change('member', 'put', 'stranger')).toBe('not_allowed')
    expect(await change('moderator', 'put', 'stranger')).toBe('added')
  })

  test('"general" is neither archived nor deleted', async () => {
    const { entry, append } = await start('public', 'general')
    const changes = [
      { archived: true },
      { deleted: true },
      { host: true, archived: true },
      { host: true, deleted: true }
    ]
    for (const change of changes) expect(await append(entry('owner', 'room', change))).toEqual(['not_allowed'])
    expect(await append(entry('owner', 'room', { slow_mode_seconds: 5 }))).toEqual(['stored'])
  })
})

test('a public room is guarded exactly while it has a restriction', async () => {
  const { entry, append, change, isGuarded, sql } = await start('public')
  const owner = (change: object) => append(entry('owner', 'room', change))
  expect(await isGuarded()).toBe(false)
  await change('owner', 'mute', 'member')
  expect(await isGuarded()).toBe(true)
  await change('owner', 'unmute', 'member')
  expect(await isGuarded()).toBe(false)
  await owner({ slow_mode_seconds: 5 })
  expect(await isGuarded()).toBe(true)
  await owner({ slow_mode_seconds: 0, archived: true })
  expect(await isGuarded()).toBe(true)
  await owner({ archived: false })
  expect(await isGuarded()).toBe(false)
  await change('owner', 'ban', 'member', { until: Date.now() + 60_000 })
  await sql(`select @chat_sweep_restrictions()`)
  expect(await isGuarded()).toBe(true)
  await sql(`update @restrictions set until = clock_timestamp() - interval '1 second'`)
  await sql(`select @chat_sweep_restrictions()`)
  expect(await isGuarded()).toBe(false)
  expect(await sql(`select user_id as id from @restrictions`)).toEqual([])
})
