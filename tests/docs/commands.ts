/**
 * Implements `npm run test:docs`. Creates a clean copy of the commit. In this copy, runs the commands in the ```sh blocks of the
 * documents, in the order in which they appear. Skips the commands in NOT_HERE, which cannot run here. Fails for a command that
 * is neither in STEPS nor in NOT_HERE.
 */
import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'

const root = join(import.meta.dirname, '../..')
const START_MS = 90_000
const STEP_MS = 90_000
/** The frame that is typed into wscat. */
const HELLO = '{"type":"message","content":"Hello, world!"}'

/** The commands that cannot run here, with the reasons. */
const NOT_HERE: readonly (readonly [RegExp, string])[] = [
  [/^npm ci && npm test$/, '.ci/run runs both commands'],
  [/^npm run bench /, 'takes minutes; .ci/run runs the short benchmarks'],
  [/^docker /, 'needs a Docker engine; tests/deploy builds and runs the same without one'],
  [
    /^cp \.env\.example \.env$/,
    'the reader fills in the file; tests/documents.test.ts fills it in and resolves the settings'
  ],
  [/^echo "DATABASE_PASSWORD=/, 'writes to the file of the command before it'],
  [
    /^(pg_dump|createdb|pg_restore) /,
    'needs databases to copy; tests/deploy/restore.pg.test.ts tests the step after it'
  ],
  [
    /^npx fastify-chat (users|sessions) /,
    'needs the installed package; tests/cli/users.pg.e2e.test.ts runs these commands'
  ],
  [
    /deploy\/(backup|restore)\.sh|^fastify-chat epochs renew$/,
    'needs a server to back up; tests/deploy/backup.pg.e2e.test.ts runs the scripts'
  ],
  [/^npm install ioredis/, 'installs an optional library; tests/bus uses it'],
  [/^npm install nodemailer/, 'installs an optional library; tests/accounts/mail sends mails with it'],
  [/^npx fastify-chat client/, 'needs a terminal; tests/tui tests the screens'],
  [/^export FASTIFY_CHAT_PASSWORD=/, 'sets a variable for the next command'],
  [
    /fastify-chat client .*--(send|lines|json)/,
    'needs the installed package; tests/tui/pipes.pg.e2e.test.ts runs these commands'
  ]
]

/** Returns the commands of a page, with continued lines joined and comments removed. */
const commandsOf = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
    block
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .map(line => line.replace(/\s+# .*$/, '').trim())
      .filter(Boolean)
  )

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'drizzle/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md') && !name.startsWith('api/'))
    .map(name => `docs/${name}`)
]

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const copy = mkdtempSync(join(tmpdir(), 'chat-docs-'))
const port = await freePort()
const { PATH = '', HOME = '' } = process.env
const env = { PATH, HOME, PORT: String(port), TERM: 'dumb', NO_COLOR: '1' }
let token = ''

/**
 * Replaces the port in a command with the port of this run. Each command runs in a new shell, so this function passes on the
 * `TOKEN` that an earlier command has set.
 */
const adapted = (command: string): string =>
  `${token && `TOKEN=${token}; `}${command.replaceAll('localhost:8000', `127.0.0.1:${port}`)}`

/** Runs a command until it ends, and returns its output. Throws unless the exit code is 0. */
const run = (command: string): string =>
  execFileSync('bash', ['-c', adapted(command)], {
    cwd: copy,
    env,
    encoding: 'utf8',
    timeout: STEP_MS,
    stdio: ['ignore', 'pipe', 'pipe']
  })

/** Starts the service with a command. Waits until the service responds. Returns a function that stops the service. */
const stay = async (command: string): Promise<() => Promise<void>> => {
  const child = spawn('bash', ['-c', adapted(command)], { cwd: copy, env, detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', data => {
      output += data
    })
  }
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
  const stop = async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
    await ended
  }
  const deadline = Date.now() + START_MS
  for (;;) {
    if ((await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok) return stop
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`${command} did not start:\n${output}`)
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/**
 * Runs wscat on a pseudo-terminal (`script`), and types a frame. Resolves when the service has delivered the message and wscat
 * has ended.
 */
const talk = (command: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const line = adapted(command.replace('npx wscat', 'npx --yes wscat'))
    const child = spawn('script', ['-qefc', line, '/dev/null'], { cwd: copy, env: { ...env, SHELL: '/bin/bash' } })
    let output = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), STEP_MS)
    child.stdout.on('data', data => {
      const before = output
      output += data
      if (!before.includes('"subscribed"') && output.includes('"subscribed"')) child.stdin.write(`${HELLO}\r`)
      // Presses Ctrl-C, which ends wscat.
      if (/"username":"john","content":"Hello, world!"/.test(output)) child.stdin.write('\u0003')
    })
    child.once('close', () => {
      clearTimeout(timer)
      if (/"username":"john","content":"Hello, world!"/.test(output)) resolve()
      else reject(new Error(`wscat received no message:\n${output}`))
    })
  })

type Step = (command: string) => unknown
let stop = async (): Promise<void> => {}
const during: Step = async command => {
  await stop()
  stop = await stay(command)
}

/** Maps patterns of commands to the functions that run them. */
const STEPS: [RegExp, Step][] = [
  [/^npm ci && npm run dev$/, () => during('npm run dev')],
  [/^npx wscat /, talk],
  [
    /^TOKEN=\$\(/,
    command => {
      token = run(`${command}; echo $TOKEN`).trim()
    }
  ],
  [
    /^curl .*messages/,
    command => {
      if (!run(command).includes('Hello, world!')) throw new Error('The history does not contain the message.')
    }
  ],
  [/^curl /, run],
  [/^npm run -s chat -- keys generate$/, command => appendFileSync(join(copy, 'keys'), run(command))],
  [/^npm run build && npm start$/, during],
  [
    /^npm run (db:generate|chat -- migrate) /,
    async command => {
      await stop()
      stop = async () => {}
      run(command)
    }
  ]
]

const seen = new Set<string>()
let failed = 0
try {
  execFileSync('git', ['clone', '--quiet', root, copy])
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const page of pages) {
    for (const command of commandsOf(page)) {
      seen.add(command)
      const absent = NOT_HERE.find(([pattern]) => pattern.test(command))
      if (absent) {
        say(`not here  ${command} (${absent[1]})`)
        continue
      }
      const [, step] = STEPS.find(([pattern]) => pattern.test(command)) ?? []
      const began = Date.now()
      try {
        if (!step) throw new Error('The command is unknown. Add it to STEPS, or to NOT_HERE with the reason.')
        await step(command)
        say(`ok        ${command} (${((Date.now() - began) / 1000).toFixed(1)} s)`)
      } catch (error) {
        failed++
        say(`FAILED    ${page}: ${command}\n${error instanceof Error ? error.message : error}`)
      }
    }
  }
  for (const [pattern] of NOT_HERE.filter(([one]) => ![...seen].some(command => one.test(command)))) {
    failed++
    say(`FAILED    ${pattern} matches no command of the documents. Remove it from NOT_HERE.`)
  }
} finally {
  await stop()
  rmSync(copy, { recursive: true, force: true })
}
process.exitCode = failed > 0 || seen.size === 0 ? 1 : 0
