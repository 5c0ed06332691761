/** Tests what the processes report about themselves, and how `fastify-chat status` shows it. */
import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { statusOf } from '../../src/cli/status.ts'
import type { ProcessState } from '../../src/db/repositories/processes.ts'
import { version } from '../../src/lib/package.ts'
import { fakeClock } from '../support/clock.ts'
import { startChat } from '../support/start-chat.ts'

test('a running service reports its host, its process id and its connections, and updates the report', async () => {
  const clock = fakeClock(Date.now())
  const chat = await startChat({ clock })
  const { processes } = chat.database
  await expect.poll(() => processes.report()).toHaveLength(1)
  const [row] = await processes.report()
  expect(row).toMatchObject({ version, state: { host: hostname(), pid: process.pid, connections: 0 } })
  expect(row?.keyIds).toContain(row?.keyId)
  await chat.join(await chat.register('john'))
  clock.advance(10_000)
  await expect.poll(() => processes.report()).toMatchObject([{ state: { connections: 1 } }])
  const lines = statusOf(await processes.report())
  expect(lines[1]).toContain(`${hostname()}:${process.pid}  ${version}`)
  expect(lines[1]).toContain(`  ${row?.keyId}  1  `)
  expect(lines.slice(2)).toEqual(['', '1 process, 1 connection.'])
})

test('a process of an older release, which reports no state, is listed too', async () => {
  const { database } = await startChat()
  const { processes, client, schema } = database
  await expect.poll(() => processes.report()).toHaveLength(1)
  await client.query(
    `insert into "${schema}".processes (id, version, key_id, key_ids) values ('old', '0.2.0', 'k1', array['k1'])
     on conflict (id) do update set seen_at = clock_timestamp()`
  )
  const reported = await processes.report()
  expect(reported).toMatchObject([{ id: 'old', version: '0.2.0', state: null }, { version }])
  expect(statusOf(reported)[1]).toMatch(/^old +0\.2\.0 +- +k1 +- +- +\d+ s ago$/)
  expect(statusOf(reported).join('\n')).toContain(`Several versions are running: 0.2.0, ${version}.`)
})

const state = (pid: number, changes: Partial<ProcessState> = {}): ProcessState => ({
  host: 'web',
  pid,
  uptimeMs: 7_300_000,
  connections: 1200,
  bus: [],
  ...changes
})

test('the status shows which processes lack a key, and on which processes the bus fails', () => {
  const about = { version: '1.0.0', seenMs: 2500 }
  const bus = [
    { driver: 'postgres', lagMs: 3, isFailing: false },
    { driver: 'redis', lagMs: 1, isFailing: true }
  ]
  const failing = [{ driver: 'postgres', lagMs: 9, isFailing: true }]
  expect(
    statusOf([
      { ...about, id: 'a', keyId: 'k1', keyIds: ['k1'], state: state(1, { bus }) },
      { ...about, id: 'b', keyId: 'k2', keyIds: ['k2', 'k1'], state: state(22, { bus: failing, connections: 3 }) }
    ])
  ).toEqual([
    'PROCESS  VERSION  UP   KEY  CONNECTIONS  BUS                           SEEN',
    'web:1    1.0.0    2 h  k1   1200         postgres 3 ms, redis failing  2 s ago',
    'web:22   1.0.0    2 h  k2   3            postgres failing              2 s ago',
    '',
    '2 processes, 1203 connections.',
    'Key k2 is missing in web:1, which cannot read what other processes encrypt with it. Add the key to ENCRYPTION_KEY_PREVIOUS there.',
    'PostgreSQL delivers no notifications to web:22, which poll instead. Run "fastify-chat check" with their settings.',
    'Redis fails for web:1, which use PostgreSQL instead. Run "fastify-chat check" with their settings.'
  ])
})

test('the status reports that no process is running', () => {
  expect(statusOf([])).toEqual(['No process is running: none has reported itself within the last minute.'])
})
