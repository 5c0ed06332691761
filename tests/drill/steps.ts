/** Defines the steps of the drill, in order. Each step causes a fault, and then removes the fault. */
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { generateKey } from '../../src/crypto/fernet.ts'
import type { Load } from './load.ts'
import { find, isOk, runToEnd, until } from './programs.ts'
import type { Service, World } from './world.ts'

export interface DrillContext {
  readonly world: World
  readonly load: Load
  /** The folder of the small file system with the data of PostgreSQL. Undefined without root. */
  readonly disk: string | undefined
}

export interface Step {
  readonly name: string
  /** Returns why the step cannot run here, or undefined if it can. */
  skip?(context: DrillContext): string | undefined
  run(context: DrillContext): Promise<void>
}

const FAULT_MS = 20_000

const allReady = ({ services }: World): Promise<void> =>
  until('both processes are ready', async () =>
    (await Promise.all(services.map(({ port }) => isOk(`http://127.0.0.1:${port}/health/ready`)))).every(Boolean)
  )

const restartEach = async (services: readonly Service[]): Promise<void> => {
  for (const service of services) {
    await service.stop()
    await service.start()
  }
}

const LIBFAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

export const steps: readonly Step[] = [
  {
    name: 'rolling restart',
    run: ({ world }) => restartEach(world.services)
  },
  {
    name: 'kill -9 of a process',
    async run({ world: { services } }) {
      await services[0].stop('SIGKILL')
      await delay(5000)
      await services[0].start()
    }
  },
  {
    name: 'Redis stopped',
    async run({ world: { redis } }) {
      await redis.stop()
      await delay(FAULT_MS)
      await redis.start()
    }
  },
  {
    name: 'Redis stalled',
    async run({ world: { redis } }) {
      redis.signal('SIGSTOP')
      await delay(FAULT_MS)
      redis.signal('SIGCONT')
    }
  },
  {
    name: 'Redis cut off from one process',
    async run({ world: { redisOfSecond } }) {
      redisOfSecond.stall()
      await delay(FAULT_MS)
      redisOfSecond.cut()
      redisOfSecond.resume()
    }
  },
  {
    name: 'PostgreSQL restarted',
    async run({ world }) {
      world.primary.restart()
      await allReady(world)
    }
  },
  {
    name: 'failover to a read-only server, and back',
    async run({ world }) {
      world.database.redirect(world.standby.port)
      world.database.cut()
      await delay(FAULT_MS)
      world.database.redirect(world.primary.port)
      world.database.cut()
      await allReady(world)
    }
  },
  {
    name: 'disk full',
    skip: ({ disk }) => (disk === undefined ? 'needs root, to mount a file system' : undefined),
    async run({ world, disk = '' }) {
      const ballast = join(disk, 'ballast')
      fill(ballast)
      await delay(FAULT_MS / 2)
      rmSync(ballast)
      await allReady(world)
    }
  },
  {
    name: 'key rotation',
    async run({ world }) {
      const key = generateKey()
      const former = world.services[0].env.ENCRYPTION_KEY ?? ''
      for (const { env } of world.services) env.ENCRYPTION_KEY_PREVIOUS = key
      await restartEach(world.services)
      for (const { env } of world.services) Object.assign(env, { ENCRYPTION_KEY: key, ENCRYPTION_KEY_PREVIOUS: former })
      await restartEach(world.services)
      await world.command('keys', 'rotate')
      for (const { env } of world.services) delete env.ENCRYPTION_KEY_PREVIOUS
      await restartEach(world.services)
    }
  },
  {
    name: 'clock of one process an hour ahead, then an hour back',
    skip: () => (find('faketime') ? undefined : 'needs faketime'),
    async run({ world: { services } }) {
      const file = `/tmp/chat-drill-clock-${process.pid}`
      const set = (offset: string): void => writeFileSync(file, `${offset}\n`)
      set('+0')
      services[1].preload = {
        LD_PRELOAD: LIBFAKETIME,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1'
      }
      await restartEach([services[1]])
      for (const offset of ['+3600', '-3600', '+0']) {
        set(offset)
        await delay(FAULT_MS / 2)
      }
      services[1].preload = {}
      await restartEach([services[1]])
      rmSync(file, { force: true })
    }
  },
  {
    name: 'restore of a backup',
    async run({ world, load }) {
      // Sends nothing between the backup and the restore, because a restore loses what was stored after the backup.
      await load.drain()
      const folder = mkdtempSync(join(tmpdir(), 'chat-drill-backups-'))
      await world.script('backup.sh', [], { DATABASE_NAME: 'postgres', BACKUP_DIR: folder })
      const [backup = ''] = readdirSync(folder)
      for (const service of world.services) await service.stop()
      const server = `postgres://postgres@127.0.0.1:${world.primary.port}/postgres`
      await runToEnd('/usr/bin/createdb', [`--maintenance-db=${server}`, 'restored'])
      await world.script('restore.sh', [join(folder, backup)], { DATABASE_NAME: 'restored' })
      for (const { env } of world.services)
        env.DATABASE_URL = `postgres://postgres@127.0.0.1:${world.database.port}/restored`
      for (const service of world.services) await service.start()
      rmSync(folder, { recursive: true, force: true })
      load.resume()
      await delay(5000)
    }
  }
]

/** Fills a file system to the last byte. */
const fill = (path: string): void => {
  const file = openSync(path, 'w')
  for (const size of [1024 * 1024, 4096, 512]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size))
    } catch {
      // The file system is full.
    }
  }
  closeSync(file)
}
