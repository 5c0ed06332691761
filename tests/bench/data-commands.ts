/**
 * Measures how much the commands that work on data delay the service: the time until a message is acknowledged, with and
 * without a running command. Each command works on `ROWS` stored messages (200,000; with `--short` 20,000), in the same
 * database and on the same cores as the service. `COMMANDS=rotate,import` runs only these commands.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { connectMany } from './clients.ts'
import { addRoom } from './conversations-data.ts'
import { type BenchDatabase, createBenchDatabase } from './database.ts'
import { figure } from './report.ts'
import { type Effort, pause, percentile, type Row } from './rows.ts'
import { type Service, startService } from './service.ts'
import { pinTo } from './subjects.ts'

const SOCKETS = 20
const PER_SECOND = 200

const TEXT = 'A message of usual length, which somebody wrote some time ago. '.repeat(3)
const RETENTION_DAYS = 30
const QUIET = 'no command'

/** The program whose commands are measured. Set PROGRAM to measure another build. */
const PROGRAM = process.env.PROGRAM ?? 'dist/src/cli.js'

/** Sends messages at a steady rate, until it is stopped. */
interface Traffic {
  /** Runs `work`. Returns the time from send to acknowledgement, in milliseconds, of each message acknowledged meanwhile. */
  during(work: () => Promise<unknown>): Promise<number[]>
  /** Stops sending. Waits until all messages are acknowledged, and resolves with their number. */
  stop(): Promise<number>
}

/**
 * Starts to send. Half of the sockets send and have no subscription, so that each frame that they receive is an
 * acknowledgement. The other half are subscribed and only receive.
 */
const startTraffic = async (service: Service): Promise<Traffic> => {
  let at = 0
  const token = () => service.tokens[at++ % SOCKETS] ?? ''
  const readers = await connectMany(SOCKETS, () => service.open(token()))
  const senders = await connectMany(SOCKETS, () => service.open(token(), 'rooms='))
  while (senders.some(({ frames }) => frames === 0)) await pause(50)
  let collected: number[] = []
  let acknowledged = 0
  const sentAt: number[][] = senders.map(() => [])
  for (const [index, sender] of senders.entries())
    sender.onFrames = count => {
      const now = performance.now()
      acknowledged += count
      for (const sent of sentAt[index]?.splice(0, count) ?? []) collected.push(now - sent)
    }
  const began = performance.now()
  let sent = 0
  // Computes the number of messages from the elapsed time, so that a delayed timer does not lower the rate.
  const timer = setInterval(() => {
    for (const until = ((performance.now() - began) * PER_SECOND) / 1000; sent < until; sent++) {
      const index = sent % SOCKETS
      sentAt[index]?.push(performance.now())
      senders[index]?.send(JSON.stringify({ type: 'message', content: TEXT, ref: 'r' }))
    }
  }, 1)
  return {
    async during(work) {
      collected = []
      await work()
      return collected
    },
    async stop() {
      clearInterval(timer)
      while (acknowledged < sent) await pause(50)
      for (const client of [...readers, ...senders]) client.close()
      return acknowledged
    }
  }
}

/** Starts a program on both cores. `ended` rejects if the program fails. */
const begin = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const [command = '', ...rest] = args
  const child = spawn(command, rest, { env: { ...process.env, ...env } })
  pinTo('0,1', child.pid ?? 0)
  // Resets the priority, because a child inherits the higher priority of this process.
  setPriority(child.pid ?? 0, 0)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += data))
  const ended = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`${args.join(' ')} exited with ${code}: ${output}`)
  })
  return { child, ended }
}

/** Runs a program on both cores, without input. Rejects if it fails. */
const run = (...given: Parameters<typeof begin>): Promise<void> => {
  const { child, ended } = begin(...given)
  child.stdin.end()
  return ended
}

/**
 * Starts a process that deletes old messages when `run` is called. In production, the service itself deletes them, so the start
 * of the process must not be measured.
 */
const startRetention = async (url: string) => {
  const file = 'tests/ops/expire-messages.ts'
  const { child, ended } = begin([process.execPath, '--import', 'tsx', file, url, 'public', `${RETENTION_DAYS}`])
  await Promise.race([once(child.stdout, 'data'), ended])
  return {
    run(): Promise<void> {
      child.stdin.end()
      return ended
    },
    stop: () => void child.kill()
  }
}

/** Stores messages that were sent 40 days ago, encrypted with `key`, in the first room. */
const fill = async ({ sql }: BenchDatabase, key: string, rows: number): Promise<void> => {
  const { token, keyId } = createKeyring({ current: key, now: Date.now }).encrypt(TEXT)
  await sql`insert into messages (room_id, seq, kind, user_id, content, key_id, write_id, created_at)
    select 1, n, 'message', 1, ${token}, ${keyId}, 'w' || n, now() - interval '40 days' from generate_series(1, ${rows}::int) as n`
  await sql`update rooms set last_seq = ${rows} where id = 1`
  await sql`vacuum analyze messages`
}

/**
 * Creates the database of a FastAPI Chat Backend. Its messages are at most 10 days old, so the retention of 30 days keeps them.
 */
const createSource = async (key: string, rows: number): Promise<BenchDatabase> => {
  const source = await createBenchDatabase()
  const { token } = createKeyring({ current: key, now: Date.now }).encrypt(TEXT)
  const { sql } = source
  await sql`create table users (id serial primary key, username varchar unique, hashed_password varchar, created_at timestamp)`
  await sql`create table messages (id serial primary key, user_id integer, content text, created_at timestamp)`
  await sql`insert into users (username, created_at) select 'moved-' || n, now() from generate_series(1, 100) as n`
  await sql`insert into messages (user_id, content, created_at)
    select 1 + n % 100, ${token}, now() - interval '10 days' + n * interval '1 second' from generate_series(1, ${rows}::int) as n`
  await sql`vacuum analyze messages`
  return source
}

export const dataCommands = async ({ isShort }: Effort): Promise<Row[]> => {
  const rows = Number(process.env.ROWS ?? (isShort ? 20_000 : 200_000))
  const quietMs = isShort ? 5000 : 15_000
  const only = process.env.COMMANDS?.split(',')
  const [oldKey, sourceKey] = [generateKey(), generateKey()]
  const database = await createBenchDatabase()
  const first = await startService(database, { people: SOCKETS })
  await first.kill()
  await fill(database, oldKey, rows)
  await addRoom(database, 'moved', 1)
  const source = await createSource(sourceKey, rows)
  const keys = { ENCRYPTION_KEY_PREVIOUS: oldKey }
  const service = await startService(database, { people: SOCKETS, env: keys })
  // Lets the service and this process use both cores, because a service in production is not bound to one core.
  for (const pid of [service.pid, process.pid]) pinTo('0,1', pid)
  try {
    // Raises the priority of this process, which runs the clients. In production, the clients run on other machines, where no
    // command delays them.
    setPriority(-10)
  } catch {}

  const folder = mkdtempSync(join(tmpdir(), 'chat-data-'))
  const dump = join(folder, 'chat.dump')
  const restored = await createBenchDatabase()
  const { hostname, port, username, password, pathname } = new URL(database.url)
  const connection = {
    DATABASE_HOST: hostname,
    DATABASE_PORT: port || '5432',
    DATABASE_USER: decodeURIComponent(username),
    DATABASE_PASSWORD: decodeURIComponent(password) || 'unused',
    DATABASE_NAME: new URL(restored.url).pathname.slice(1)
  }
  const env = { ...database.secrets, ...keys, DATABASE_URL: database.url }
  const importInto = (...args: string[]) =>
    run([process.execPath, PROGRAM, 'import-fastapi', ...args], {
      ...env,
      FASTAPI_DATABASE_URL: source.url,
      FASTAPI_ENCRYPTION_KEY: sourceKey
    })
  const backUp = () =>
    run([
      'pg_dump',
      '--format=custom',
      `--file=${dump}`,
      `--host=${hostname}`,
      `--port=${port || 5432}`,
      `--username=${username}`,
      pathname.slice(1)
    ])
  let retention: Awaited<ReturnType<typeof startRetention>> | undefined
  const commands: Readonly<
    Record<string, { title: string; prepare?: () => Promise<unknown>; work: () => Promise<unknown> }>
  > = {
    rotate: { title: 'keys rotate', work: () => run([process.execPath, PROGRAM, 'keys', 'rotate'], env) },
    import: { title: 'import-fastapi into another room', work: () => importInto('--room', 'moved') },
    'import-same': {
      title: 'import-fastapi into the room of the messages',
      prepare: () => database.sql`delete from fastapi_import`,
      work: () => importInto('--room', 'general', '--change-times')
    },
    retention: {
      title: 'retention',
      async prepare() {
        retention = await startRetention(database.url)
      },
      work: async () => retention?.run()
    },
    backup: { title: 'pg_dump', work: backUp },
    restore: {
      title: 'restore into another database',
      prepare: async () => existsSync(dump) || backUp(),
      work: () =>
        run(['deploy/restore.sh', dump], {
          ...database.secrets,
          ...connection,
          FASTIFY_CHAT: `${process.execPath} ${join(process.cwd(), PROGRAM)}`
        })
    }
  }

  const traffic = await startTraffic(service)
  await pause(5000)
  const measure = async (name: string): Promise<Row> => {
    const command = commands[name]
    if (!command) throw new Error(`Choose from ${Object.keys(commands).join(', ')}.`)
    const { title, prepare, work } = command
    await prepare?.()
    const before = await traffic.during(() => pause(quietMs))
    let took = 0
    const cpu = service.cpu()
    const beside = await traffic.during(async () => {
      const began = performance.now()
      await work()
      took = (performance.now() - began) / 1000
    })
    const used = (service.cpu() - cpu) / took
    await pause(2000)
    const quiet = [...before, ...(await traffic.during(() => pause(quietMs)))]
    const figures = (share: number) => [quiet, beside].map(times => figure(percentile(times, share))).join(' → ')
    return {
      title: `p99 of ${PER_SECOND} messages a second to their acknowledgement, beside ${title}`,
      unit: 'ms',
      runs: new Map([
        [QUIET, [percentile(quiet, 0.99)]],
        ['fastify-chat', [percentile(beside, 0.99)]]
      ]),
      aims: [{ beside: QUIET, as: 'ratio', atMost: 3 }],
      note:
        `${figure(rows, 0)} rows in ${figure(took)} s: ${figure(rows / took, 0)} rows/s. p50 ${figures(0.5)} ms, ` +
        `p99.9 ${figures(0.999)} ms, maximum ${figures(1)} ms. The service used ${figure(used)} of a core.`
    }
  }
  const results: Row[] = []
  for (const name of only ?? Object.keys(commands)) {
    // Keeps the results of the other commands if one fails.
    try {
      results.push(await measure(name))
    } catch (error) {
      process.exitCode = 1
      process.stderr.write(`*** FAILED: ${name}. ${(error as Error).stack} ***\n`)
    }
  }
  retention?.stop()
  const acknowledged = await traffic.stop()
  const [stored] =
    await database.sql`select count(*)::int as n from messages where seq > ${rows} and kind = 'message' and user_id <= ${SOCKETS}`
  if (stored?.n !== acknowledged) throw new Error(`${acknowledged} messages were acknowledged, and ${stored?.n} stored`)
  await service.kill()
  rmSync(folder, { recursive: true, force: true })
  for (const one of [database, source, restored]) await one.drop()
  return results
}
