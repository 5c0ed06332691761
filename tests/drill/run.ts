/**
 * Breaks a running installation, one fault after another: `npm run drill`. For each fault, prints how long no message could be
 * posted, what clients saw, and which alert fired. Exits with 1 if an acknowledged message was lost or stored twice, or if a
 * user was not shown a message or was shown it twice. `--only TEXT` runs the steps whose names contain the text, and
 * `--users N` sets the number of users.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Seen, startLoad } from './load.ts'
import { startMonitor } from './monitor.ts'
import { find, stopAll } from './programs.ts'
import { type DrillContext, steps } from './steps.ts'
import { startWorld } from './world.ts'

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, users: { type: 'string', default: '10' } }
})
const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** Mounts a small file system for the data of PostgreSQL. Returns undefined without root. */
const mountDisk = (): string | undefined => {
  if (userInfo().uid !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'chat-drill-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600m', 'tmpfs', folder])
  chmodSync(folder, 0o777)
  return folder
}

const failuresOf = ({ failures, lost }: Seen): string =>
  [
    ...Object.entries(failures).map(([what, count]) => `${count} x ${what}`),
    ...(lost > 0 ? [`${lost} reconnections`] : [])
  ].join(', ') || 'nothing'

const disk = mountDisk()
const world = await startWorld(disk)
const prometheus = find('prometheus')
const metricsPorts = world.services.map(({ metricsPort }) => metricsPort)
const monitor = prometheus === undefined ? undefined : await startMonitor(prometheus, metricsPorts)
if (!monitor) print('*** SKIPPED: the alerts. prometheus is not installed. ***')
const load = await startLoad(world.url, Number(values.users))
const context: DrillContext = { world, load, disk }
const violations: string[] = []

try {
  await delay(5000)
  world.statuses()
  print('| Fault | Unavailable (s) | Clients saw | nginx responded | Alerts |')
  print('| --- | --- | --- | --- | --- |')
  for (const step of steps.filter(({ name }) => name.includes(values.only))) {
    const reason = step.skip?.(context)
    if (reason !== undefined) {
      print(`| ${step.name} | skipped: ${reason} | | | |`)
      continue
    }
    const began = Date.now()
    load.begin()
    await step.run(context)
    await delay(10_000)
    const seen = load.seen()
    const gateway = [...world.statuses()]
      .filter(([status]) => /^5/.test(status))
      .map(([status, n]) => `${n} x ${status}`)
    const fired = (await monitor?.firedSince(began)) ?? []
    const cells = [step.name, seen.unavailable.toFixed(1), failuresOf(seen), gateway.join(', ') || 'no 5xx']
    print(`| ${[...cells, fired.join(', ') || 'none'].join(' | ')} |`)
    if (step === steps.at(-1)) continue
    await load.drain()
    violations.push(...(await load.violations()).map(line => `after "${step.name}": ${line}`))
    load.resume()
  }
} finally {
  load.close()
  await monitor?.stop()
  await stopAll()
  await world.stop()
  if (disk !== undefined) {
    execFileSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true, force: true })
  }
}

for (const line of new Set(violations)) print(`VIOLATION ${line}`)
print(violations.length === 0 ? 'no acknowledged message was lost' : `${violations.length} violations`)
process.exit(violations.length === 0 ? 0 : 1)
