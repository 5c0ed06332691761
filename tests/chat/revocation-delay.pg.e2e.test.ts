/**
 * Measures how long it takes until the end of a session closes its connection on another process, and prints the result. The time
 * is not asserted, because it depends on the load of the machine.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabaseUrl, testSchema } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'

/** How many sessions are ended. More give a better measurement: set ENDED_SESSIONS. */
const ENDED = Number(process.env.ENDED_SESSIONS ?? 40)
const ACCOUNT = { username: 'john', password: 'SecurePass123' }
const root = join(import.meta.dirname, '../..')

/** Starts a process of the service. Returns its URL when it listens. */
const startProcess = async (database: Record<string, string>): Promise<string> => {
  const port = await freePort()
  const keys = { SECRET_KEY, ENCRYPTION_KEY, BCRYPT_ROUNDS: '4', LOGIN_RATE_LIMIT: '0', MAX_LOOP_DELAY_MS: '0' }
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'serve'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: `${port}`, ...keys, ...database }
  })
  onTestFinished(async () => {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  })
  await new Promise<void>(resolve => child.stdout?.on('data', data => String(data).includes('listening') && resolve()))
  return `http://127.0.0.1:${port}`
}

const post = async (url: string, body: object) => {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return (await response.json()) as { access_token: string; session_id: string }
}

test(`ending ${ENDED} sessions on one process closes their connections on another`, { timeout: 600_000 }, async () => {
  const database = { DATABASE_URL: await testDatabaseUrl(), DATABASE_SCHEMA: await testSchema() }
  const here = await startProcess(database)
  const there = await startProcess(database)
  await post(`${here}/api/auth/register`, ACCOUNT)
  const own = await post(`${here}/api/auth/login`, ACCOUNT)
  const times: number[] = []
  for (let at = 0; at < ENDED; at++) {
    const session = await post(`${here}/api/auth/login`, { ...ACCOUNT, session: true })
    const socket = await connect(`${there.replace('http', 'ws')}/ws/chat?token=${session.access_token}`)
    await socket.next()
    const startedAt = performance.now()
    const { status } = await fetch(`${here}/api/auth/sessions/${session.session_id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${own.access_token}` }
    })
    expect(status).toBe(204)
    expect(await socket.closed).toMatchObject({ code: 4401 })
    times.push(performance.now() - startedAt)
  }
  times.sort((one, other) => one - other)
  const [median = 0, slowest = 0] = [times[ENDED / 2], times.at(-1)]
  process.stdout.write(
    `Ended session to closed connection: ${median.toFixed(1)} ms median, ${slowest.toFixed(1)} ms slowest of ${ENDED}\n`
  )
})
