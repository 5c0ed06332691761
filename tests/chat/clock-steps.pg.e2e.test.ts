/**
 * Tests a service process whose wall clock is changed by libfaketime while the process runs. Repeats the steps of
 * clock-steps.test.ts with real timers, drivers and libraries.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { builtProgram } from '../support/built-service.ts'
import { testDatabaseUrl, testSchema } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { findFaketime } from '../support/programs.ts'
import { isAvailable } from '../support/requirements.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { type ConnectOptions, connect } from '../support/socket-client.ts'

/** Starts the service. `step` sets how many seconds the wall clock of the service is ahead of the clock of the machine. */
const start = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-clock-'))
  const file = join(folder, 'offset')
  const step = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  step(0)
  const port = await freePort()
  const child = spawn(process.execPath, [await builtProgram(), 'serve'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      LD_PRELOAD: findFaketime(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      DATABASE_URL: await testDatabaseUrl(),
      DATABASE_SCHEMA: await testSchema(),
      SECRET_KEY,
      ENCRYPTION_KEY,
      HOST: '127.0.0.1',
      PORT: `${port}`,
      BCRYPT_ROUNDS: '4'
    }
  })
  onTestFinished(async () => {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
    rmSync(folder, { recursive: true })
  })
  await new Promise<void>(resolve => child.stdout.on('data', data => String(data).includes('listening') && resolve()))
  const url = `http://127.0.0.1:${port}`
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return (await response.json()) as { access_token?: string }
  }
  return {
    step,
    async logIn(username: string) {
      const account = { username, password: 'SecurePass123' }
      await post('/api/auth/register', account)
      const { access_token: token } = await post('/api/auth/login', account)
      const join = (options: ConnectOptions = {}) =>
        connect(`${url.replace('http', 'ws')}/ws/chat?token=${token}`, { protocols: ['chat.v1'], ...options })
      return { join }
    }
  }
}

test.runIf(isAvailable('faketime'))(
  'a running service is not affected when its wall clock is set forward and back',
  async () => {
    const { step, logIn } = await start()
    const [john, jane] = [await logIn('john'), await logIn('jane')]
    const watcher = await john.join()
    const pinged = new Promise(resolve => watcher.socket.once('ping', resolve))
    const first = Date.parse((await watcher.nextOf('system')).server_time)

    for (const seconds of [60, -3600]) {
      step(seconds)
      const passer = await jane.join()
      const { server_time } = await passer.nextOf('system')
      expect(Math.abs(Date.parse(server_time) - first - seconds * 1000)).toBeLessThan(50_000)
      expect(await watcher.nextOf('system')).toMatchObject({ event: 'joined', username: 'jane' })
      await passer.close()
      // The event arrives after about five seconds. In this time, a service that measured time with its wall clock would close
      // connections that seem silent or expired.
      expect(await watcher.nextOf('system')).toMatchObject({ event: 'left', username: 'jane' })
      // Sends twice as many messages as the burst of the rate limit allows, because a slow service refills the token bucket while
      // it stores the first messages.
      for (let at = 0; at < 60; at++) watcher.send({ type: 'message', content: 'x', ref: `${at}` })
      const errors = (await watcher.untilPong()).filter(({ type }) => type === 'error')
      expect(errors.length).toBeGreaterThan(0)
      for (const { retry_after_ms } of errors) expect(retry_after_ms).toBeLessThanOrEqual(100)
    }
    await pinged
    expect(await watcher.untilPong()).toEqual(expect.any(Array))
  },
  300_000
)
