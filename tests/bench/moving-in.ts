/**
 * Imports a FastAPI Chat Backend with `MESSAGES` messages (100,000) and `USERS` users (300), while a service runs on the target
 * database. tests/ops/fastapi_database.py writes the source database with the libraries of that backend. `KILLS` ("0.25,0.6")
 * is a list of shares of the messages. For each share, the program starts the command `import-fastapi`, and kills the command
 * when this share of the messages is stored. Then it lets the command complete the import. A further run of the command must
 * change nothing. Afterwards, the program logs users in with their old passwords, reads the log over HTTP, and compares the log
 * with the source. It prints the duration, the rate and the peak memory of each run. Usage, after `npm run build`:
 * `npx tsx tests/bench/moving-in.ts`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBenchDatabase } from './database.ts'
import { startService } from './service.ts'

const MESSAGES = Number(process.env.MESSAGES ?? 100_000)
const USERS = Number(process.env.USERS ?? 300)
const KILLS = (process.env.KILLS ?? '0.25,0.6').split(',').filter(Boolean).map(Number)
const PASSPHRASE = 'a passphrase, not a key'
/** The names of the first users after the import. Their names in the source database are `NAMES` in fastapi_database.py. */
const NAMED = ['alice', 'Bob', 'bob2', 'carol_d', 'dave']
const RENAMES = ['--rename', 'bob=bob2', '--rename', 'carol d=carol_d']
const OWN_HASH = 20
const PAGE = 1000

const check = (isTrue: boolean, what: string): void => {
  if (!isTrue) throw new Error(`not as expected: ${what}`)
}
const show = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 1 })

const [source, own] = [await createBenchDatabase(), await createBenchDatabase()]
const script = join(import.meta.dirname, '../ops/fastapi_database.py')
const writeSource = (messages: number, users: number) =>
  execFileSync('/usr/bin/python3', [
    script,
    source.url.replace('postgres:', 'postgresql:'),
    PASSPHRASE,
    `${messages}`,
    `${users}`
  ])
let began = performance.now()
writeSource(MESSAGES, USERS - NAMED.length)
process.stdout.write(`Wrote the source in ${show((performance.now() - began) / 1000)} s.\n`)

const service = await startService(own, { people: 0, env: { BCRYPT_ROUNDS: '12' } })
const env = {
  ...process.env,
  ...own.secrets,
  DATABASE_URL: own.url,
  FASTAPI_DATABASE_URL: source.url,
  FASTAPI_ENCRYPTION_KEY: PASSPHRASE
}
const stored = async (): Promise<number> => (await own.sql`select count(*)::int as n from messages`)[0]?.n

/** Runs the command, and kills it when `killAt` messages are stored. Prints its duration and its peak memory. */
const importOnce = async (name: string, killAt = Number.POSITIVE_INFINITY, args = RENAMES): Promise<string> => {
  const before = await stored()
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['dist/src/cli.js', 'import-fastapi', ...args], { env })
  const exited = once(child, 'exit')
  let output = ''
  let peak = 0
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', data => {
      const at = ((performance.now() - startedAt) / 1000).toFixed(1)
      if (process.env.TIMES) process.stdout.write(String(data).replace(/^/gm, `${at} s: `))
      output += data
    })
  const sample = setInterval(() => {
    try {
      peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1] ?? peak)
    } catch {}
  }, 50)
  if (killAt < Number.POSITIVE_INFINITY) {
    while ((await stored()) < killAt && child.exitCode === null) await new Promise(done => setTimeout(done, 50))
    child.kill('SIGKILL')
  }
  const [code, signal] = await exited
  clearInterval(sample)
  const took = (performance.now() - startedAt) / 1000
  const count = (await stored()) - before
  process.stdout.write(
    `${name}: ${signal ?? `exit ${code}`}, ${show(count)} messages in ${show(took)} s (${show(count / took)}/s with everything), peak ${show(peak / 1024)} MB\n`
  )
  check(killAt < Number.POSITIVE_INFINITY ? signal === 'SIGKILL' : code === 0, output)
  return output
}

for (const share of KILLS) {
  await importOnce(`killed at ${share}`, share * MESSAGES)
  check((await stored()) < MESSAGES, 'the command was killed before its end')
}
const summary = await importOnce('to the end')
process.stdout.write(summary.slice(summary.indexOf('Imported')))
const digest = async () =>
  (await own.sql`select md5(string_agg(md5(m::text), '' order by room_id, seq)) as digest from messages as m`)[0]
    ?.digest
const first = await digest()
check((await importOnce('once more')).includes('Imported 0 users and 0 messages'), 'the repeated run imports nothing')
check((await digest()) === first, 'the repeated run changes nothing')

interface Body {
  readonly access_token?: string
  readonly messages?: readonly { seq: number; content: string; username: string; created_at: string }[]
}

const call = async (path: string, token?: string, body?: object) => {
  const response = await fetch(service.url + path, {
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {})
  })
  return { status: response.status, body: (await response.json()) as Body }
}
const nameOf = (at: number): string => NAMED[at] ?? `user_${at - NAMED.length}`
const logIn = (username: string, password: string) => call('/api/auth/login', undefined, { username, password })
let logins = 0
let token = ''
for (let at = 0; at < USERS; at++) {
  const further = at - NAMED.length
  const isOwn = further < 0 || further % OWN_HASH === 0
  if (!isOwn && further % 50 !== 1) continue
  const old = ['alice', 'Bob', 'bob', 'carol d', 'dave'][at] ?? (isOwn ? nameOf(at) : 'many')
  const { status, body } = await logIn(nameOf(at), `Password of ${old} 1`)
  check(status === 200, `${nameOf(at)} logs in: ${status} ${JSON.stringify(body)}`)
  logins++
  token = body.access_token ?? ''
}
check((await logIn('alice', 'Password of alice 2')).status === 401, 'a wrong password is rejected')

began = performance.now()
let [count, time] = [0, '']
for (let after = 0; ; ) {
  const { body } = await call(`/api/chat/rooms/general/messages?after=${after}&limit=${PAGE}`, token)
  const page = body.messages ?? []
  for (const { seq, content, username, created_at } of page) {
    const at = seq - 1
    const wanted = `${new Date(Date.UTC(2024, 1, 29, 12, 0, at, 123)).toISOString().slice(0, -1)}+00:00`
    check(at === count && content === `Grüße ${at} 😀\n\u202e`, `message ${at}: ${content}`)
    check(username === nameOf(at % USERS), `author of ${at}: ${username}`)
    check(created_at === wanted && created_at >= time, `time of ${at}: ${created_at}`)
    time = created_at
    count++
  }
  if (page.length === 0) break
  after = page.at(-1)?.seq ?? 0
}
check(count === MESSAGES, `${count} messages over HTTP`)
const [users] = await own.sql`select count(*)::int as n, count(distinct hashed_password)::int as hashes from users`
process.stdout.write(
  `${show(count)} messages over HTTP have the text, author, order and time of the source (${show((performance.now() - began) / 1000)} s). ` +
    `${users?.n} users with ${users?.hashes} hashes; ${logins} logged in with the old password.\n`
)
await service.kill()
await Promise.all([source.drop(), own.drop()])
process.exit()
