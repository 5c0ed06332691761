/**
 * Installs the package in the folder layout that the systemd unit expects. Starts one process per port with the unit's
 * `ExecStart`. The script `restart` replaces `systemctl restart`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
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
import { onTestFinished } from 'vitest'
import { migrateUp } from '../../src/db/migrate.ts'
import { builtProgram } from '../support/built-service.ts'
import { testClient, testDatabaseUrl, testSchema } from '../support/database.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const root = join(import.meta.dirname, '../..')
export const UNIT = join(root, 'deploy/fastify-chat@.service')

/** Installs the package. The processes run with `settings`, and stop when the test ends. */
export const installProcesses = async (ports: readonly number[], settings: Readonly<Record<string, string>> = {}) => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-installed-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  await builtProgram()
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/fastify-chat'))
  const [client, schema] = [await testClient(), await testSchema()]
  await migrateUp(client, schema)
  const [, command = ''] = /^ExecStart=(.+)$/m.exec(readFileSync(UNIT, 'utf8')) ?? []
  const database = { DATABASE_URL: await testDatabaseUrl(), DATABASE_SCHEMA: schema, SECRET_KEY, ENCRYPTION_KEY }
  const env = { PATH: process.env.PATH, HOST: '127.0.0.1', ...database, ...settings }
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
  return {
    pidOf,
    breakProcess: (port: number) => writeFileSync(join(folder, `${port}.broken`), ''),
    logOf: (port: number) => readFileSync(join(folder, `${port}.log`), 'utf8'),
    /** Runs `deploy/rolling-restart.sh` to its end. The first run starts the processes. */
    async rollingRestart(changed: Readonly<Record<string, string>> = {}) {
      const child = spawn(join(root, 'deploy/rolling-restart.sh'), ports.map(String), {
        env: { ...env, RESTART: `${restart} `, ...changed },
        stdio: ['ignore', 'pipe', 'pipe']
      })
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', data => (stdout += data))
      child.stderr.on('data', data => (stderr += data))
      const [status] = await once(child, 'close')
      return { status: status as number | null, stdout, stderr }
    }
  }
}
