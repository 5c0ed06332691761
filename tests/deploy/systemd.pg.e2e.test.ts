/** Tests the unit for systemd, which systemd itself cannot run on every machine, and the script that restarts its processes. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { migrateUp } from '../../src/db/migrate.ts'
import { builtProgram } from '../support/built-service.ts'
import { testClient, testDatabaseUrl, testSchema } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const root = join(import.meta.dirname, '../..')
const unit = join(root, 'deploy/fastify-chat@.service')
const ANALYZE = '/usr/bin/systemd-analyze'
if (!existsSync(ANALYZE)) {
  const reason = 'systemd-analyze is not installed'
  if (process.env.CI === 'true') throw new Error(`${reason}, and with CI=true every test must run.`)
  process.stderr.write(`\n*** SKIPPED: the check of the systemd unit. ${reason}. ***\n\n`)
}

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-systemd-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test.skipIf(!existsSync(ANALYZE))('systemd accepts the unit, and rates its exposure as low', () => {
  const instance = join(newFolder(), 'fastify-chat@8000.service')
  copyFileSync(unit, instance)
  const verified = spawnSync(ANALYZE, ['verify', '--man=no', instance], { encoding: 'utf8' })
  expect([verified.status, verified.stderr]).toEqual([0, ''])
  // systemd rates the exposure from 0 to 10. The threshold is in tenths.
  execFileSync(ANALYZE, ['security', '--offline=yes', '--no-pager', '--threshold=20', instance], { stdio: 'pipe' })
})

/** Installs the package in a folder as the unit expects it, and starts a process per port with `ExecStart` as it is written. */
const install = async (ports: readonly number[]) => {
  const folder = newFolder()
  await builtProgram()
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/fastify-chat'))
  const [client, schema] = [await testClient(), await testSchema()]
  await migrateUp(client, schema)
  const [, command = ''] = /^ExecStart=(.+)$/m.exec(readFileSync(unit, 'utf8')) ?? []
  const settings = { DATABASE_URL: await testDatabaseUrl(), DATABASE_SCHEMA: schema, SECRET_KEY, ENCRYPTION_KEY }
  const env = { PATH: process.env.PATH, HOST: '127.0.0.1', ...settings }
  const restart = join(folder, 'restart')
  writeFileSync(
    restart,
    `#!/bin/sh
cd '${folder}'
if [ -f "$1.pid" ]; then
  kill "$(cat "$1.pid")"
  while kill -0 "$(cat "$1.pid")" 2>/dev/null; do sleep 0.1; done
fi
if [ ! -f "$1.broken" ]; then
  PORT=$1 ${command} >>"$1.log" 2>&1 &
  echo $! >"$1.pid"
fi
`
  )
  chmodSync(restart, 0o755)
  const pidOf = (port: number): number => Number(readFileSync(join(folder, `${port}.pid`), 'utf8'))
  onTestFinished(() => {
    for (const port of ports) {
      if (existsSync(join(folder, `${port}.pid`))) spawnSync('kill', ['-9', String(pidOf(port))])
    }
  })
  const rollingRestart = (changed: Record<string, string> = {}) =>
    spawnSync(join(root, 'deploy/rolling-restart.sh'), ports.map(String), {
      env: { ...env, RESTART: `${restart} `, ...changed },
      encoding: 'utf8'
    })
  return { rollingRestart, pidOf, breakProcess: (port: number) => writeFileSync(join(folder, `${port}.broken`), '') }
}

test('the command of the unit starts a process, and processes are restarted one by one until one is not ready', async () => {
  const ports = [await freePort(), await freePort()]
  const [first = 0, second = 0] = ports
  const { rollingRestart, pidOf, breakProcess } = await install(ports)
  const lines = `The process on port ${first} is ready.\nThe process on port ${second} is ready.\n`
  expect(rollingRestart()).toMatchObject({ status: 0, stdout: lines, stderr: '' })
  const before = ports.map(pidOf)
  expect(rollingRestart()).toMatchObject({ status: 0, stdout: lines })
  expect(ports.map(pidOf)).not.toContain(before[0])
  expect(ports.map(pidOf)).not.toContain(before[1])

  const running = pidOf(second)
  breakProcess(first)
  expect(rollingRestart({ READY_SECONDS: '1' })).toMatchObject({
    status: 1,
    stdout: '',
    stderr: `The process on port ${first} is not ready after 1 s. See its log. The others were not restarted.\n`
  })
  expect(pidOf(second)).toBe(running)
  expect((await fetch(`http://127.0.0.1:${second}/health/ready`)).status).toBe(200)
})
