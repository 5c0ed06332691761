// The package as a host application gets it: packed, installed into an empty project beside Fastify, compiled against in a
// strict TypeScript host that checks libraries too, and run. Holds how much it adds to what Fastify itself is.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const MAX_PACKAGES = 60
const MAX_BYTES = 25 * 1024 * 1024

const root = resolve(import.meta.dirname, '..')
const { peerDependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'chat-package-'))
const run = (cwd, command, ...args) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const project = name => {
  const cwd = join(folder, name)
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ name, version: '1.0.0', type: 'module', private: true }))
  return cwd
}

/** Installs, and answers how many packages and bytes that made. */
const install = (cwd, ...packages) => {
  run(cwd, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages)
  const installed = run(cwd, 'npm', 'ls', '--all', '--parseable').trim().split('\n').length - 1
  const files = readdirSync(join(cwd, 'node_modules'), { recursive: true, withFileTypes: true })
  const bytes = files.reduce(
    (sum, file) => (file.isFile() ? sum + statSync(join(file.parentPath, file.name)).size : sum),
    0
  )
  return { installed, bytes }
}

const HOST = `
import Fastify from 'fastify'
import { ChatRejection, createChat, type CommittedMessage } from 'fastify-chat'
import crypto from 'fastify-chat/plugins/crypto'
import { Message } from 'fastify-chat/schemas'

// Making an embedded database takes its time.
const app = Fastify({ pluginTimeout: 60_000 })
const chat = createChat({
  encryptionKey: 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=',
  databaseUrl: process.env.DATABASE_URL,
  databaseWaitSeconds: 1,
  authenticate: request => ({ id: String(request.headers['x-user'] ?? 'ann'), name: 'Ann' }),
  authorize: ({ user, room, action }) => user.id !== 'nobody' && room.length > 0 && action !== 'create',
  beforeMessage(draft) {
    if (draft.content === 'no') throw new ChatRejection('no_no', 'Not that.')
    return draft
  }
})
chat.on('message', (message: CommittedMessage) => console.log(message.seq, message.user.name, message.content))
await app.register(chat.plugin, { prefix: '/support' })
await app.register(crypto, { encryptionKey: 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=' })
await app.ready()
const sent = await app.inject({ method: 'POST', url: '/support/api/chat/rooms/general/messages', body: { content: 'hello' } })
console.log(sent.statusCode, Message.properties.seq.type)
await app.close()
`

const STRICT = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ['node'],
    rootDir: '.',
    outDir: 'out'
  },
  files: ['host.ts']
}

/** Runs the host; answers what it printed, or what it failed with. */
const runHost = (cwd, env) => {
  try {
    return execFileSync('node', ['out/host.js'], {
      cwd,
      encoding: 'utf8',
      stdio: 'pipe',
      env: { PATH: process.env.PATH, ...env }
    })
  } catch (error) {
    return error.stderr
  }
}

const expectIn = (text, wanted) => {
  if (!text.includes(wanted)) throw new Error(`expected ${JSON.stringify(wanted)} in:\n${text}`)
}

try {
  const alone = install(project('alone'), `fastify@${peerDependencies.fastify}`)
  const tarball = join(folder, run(root, 'npm', 'pack', '--silent', '--pack-destination', folder).trim())
  const cwd = project('host')
  const all = install(cwd, `fastify@${peerDependencies.fastify}`, tarball)
  const added = { packages: all.installed - alone.installed, bytes: all.bytes - alone.bytes }
  const told = `adds ${added.packages} packages and ${(added.bytes / 1024 / 1024).toFixed(1)} MiB to Fastify's ${alone.installed}`
  process.stdout.write(`${told}\n`)
  if (added.packages >= MAX_PACKAGES || added.bytes >= MAX_BYTES) throw new Error(`too much: it ${told}`)

  install(cwd, `@types/node@${devDependencies['@types/node']}`)
  writeFileSync(join(cwd, 'host.ts'), HOST)
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(STRICT))
  run(cwd, join(root, 'node_modules/.bin/tsc'), '-p', '.')

  // Without the embedded database installed, asking for it names the command; with it, the host runs.
  expectIn(runHost(cwd, { DATABASE_URL: `pglite:${join(folder, 'data')}` }), 'npm install @electric-sql/pglite')
  install(cwd, `@electric-sql/pglite@${devDependencies['@electric-sql/pglite']}`)
  const printed = runHost(cwd, { DATABASE_URL: `pglite:${join(folder, 'data')}` })
  expectIn(printed, '1 Ann hello')
  expectIn(printed, '201 integer')
  expectIn(run(cwd, 'npx', 'fastify-chat', '--help'), 'Usage: fastify-chat')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
