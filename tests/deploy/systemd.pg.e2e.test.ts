/** Tests the systemd unit, and the script that restarts the processes. Needs no running systemd. */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { requireProgram } from '../support/programs.ts'
import { isAvailable } from '../support/requirements.ts'
import { installProcesses, UNIT } from './installed-processes.ts'

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-systemd-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test.runIf(isAvailable('systemd'))('systemd accepts the unit, and rates its exposure as low', () => {
  const instance = join(newFolder(), 'fastify-chat@8000.service')
  copyFileSync(UNIT, instance)
  const verified = spawnSync(requireProgram('systemd-analyze'), ['verify', '--man=no', instance], { encoding: 'utf8' })
  expect([verified.status, verified.stderr]).toEqual([0, ''])
  // systemd rates the exposure from 0 to 10. The threshold is in tenths.
  execFileSync(
    requireProgram('systemd-analyze'),
    ['security', '--offline=yes', '--no-pager', '--threshold=20', instance],
    { stdio: 'pipe' }
  )
})

test('the command of the unit starts a process, and processes are restarted one by one until one is not ready', async () => {
  const ports = [await freePort(), await freePort()]
  const [first = 0, second = 0] = ports
  const { rollingRestart, pidOf, breakProcess } = await installProcesses(ports)
  const lines = `The process on port ${first} is ready.\nThe process on port ${second} is ready.\n`
  expect(await rollingRestart()).toMatchObject({ status: 0, stdout: lines, stderr: '' })
  const before = ports.map(pidOf)
  expect(await rollingRestart()).toMatchObject({ status: 0, stdout: lines })
  expect(ports.map(pidOf)).not.toContain(before[0])
  expect(ports.map(pidOf)).not.toContain(before[1])

  const running = pidOf(second)
  breakProcess(first)
  expect(await rollingRestart({ READY_SECONDS: '1' })).toMatchObject({
    status: 1,
    stdout: '',
    stderr: `The process on port ${first} is not ready after 1 s. See its log. The others were not restarted.\n`
  })
  expect(pidOf(second)).toBe(running)
  expect((await fetch(`http://127.0.0.1:${second}/health/ready`)).status).toBe(200)
})
