/** Tests that an open connection counts as a use of its session, and that a user can end the connection's session at any time. */
import { expect, test } from 'vitest'
import type { Settings } from '../../src/config/settings.ts'
import { type FakeClock, fakeClock, whileJobsRun } from '../support/clock.ts'
import { passTime } from '../support/sessions.ts'
import type { SocketClient } from '../support/socket-client.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

const MINUTE_S = 60
const DAY_S = 24 * 60 * MINUTE_S

const start = async (settings: Partial<Settings> = {}) => {
  const clock = fakeClock(Date.now())
  const chat = await startChat({ clock, settings })
  const john = await chat.register('john')
  const login = async (options: object = { session: true }) => {
    const { body } = await chat.call('POST', '/api/auth/login', {
      body: { username: 'john', password: PASSWORD, ...options }
    })
    return { ...john, token: body.access_token as string, refresh: body.refresh_token as string, id: body.session_id }
  }
  const refresh = (refresh_token: string) => chat.call('POST', '/api/auth/refresh', { body: { refresh_token } })
  return { ...chat, clock, john, login, refresh, pass: (seconds: number) => passTime(chat.database, seconds) }
}

/** Advances the clock of the service while the client responds to pings. */
const stayOpen = async (clock: FakeClock, client: SocketClient, seconds: number): Promise<void> => {
  for (let left = seconds; left > 0; left -= 20) {
    clock.advance(20_000)
    await client.untilPong()
  }
}

test('an open connection counts as a use of its session, so the session does not end', async () => {
  const { clock, login, join, refresh, pass, database } = await start({ sessionIdleDays: 2 })
  const [open, idle] = [await login(), await login()]
  const client = await join(open)
  // Reads the table directly, because a request with the session's token would also count as a use.
  const ageOf = async (id: string): Promise<number> => {
    const [row] = await database.client.query<{ age: number }>(
      `select extract(epoch from clock_timestamp() - last_used_at)::double precision as age
       from "${database.schema}".sessions where id = $1`,
      [id]
    )
    return row?.age ?? Number.POSITIVE_INFINITY
  }
  for (let day = 0; day < 3; day++) {
    await pass(DAY_S)
    await stayOpen(clock, client, 5 * MINUTE_S)
    await expect.poll(() => ageOf(open.id)).toBeLessThan(DAY_S)
  }
  expect((await refresh(open.refresh)).status).toBe(200)
  expect((await refresh(idle.refresh)).status).toBe(401)
})

test('a connection that outlives its token can still be ended, and its session stays in the list', async () => {
  const { clock, login, join, pass, call } = await start({ accessTokenExpireMinutes: 1, legacySocketHours: 2 })
  const legacy = await login({})
  const client = await join(legacy)
  // The session is old enough to be deleted, and then the jobs that delete sessions run.
  await pass(60 * MINUTE_S)
  await stayOpen(clock, client, 11 * MINUTE_S)
  expect(await call('GET', '/api/users/me', { token: legacy.token })).toMatchObject({ status: 401 })
  const { token, id: current } = await login()
  const list = await call('GET', '/api/auth/sessions', { token })
  const [ended, ...others] = list.body.sessions.filter((one: { id: string }) => one.id !== current)
  expect(others).toEqual([])
  expect((await call('DELETE', `/api/auth/sessions/${ended.id}`, { token })).status).toBe(204)
  expect(await whileJobsRun(clock, client.closed)).toMatchObject({ code: 4401 })
})
