// Checks `fastify-chat` in a host application, and limits how many packages and bytes it adds to an installation of Fastify.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectIn, install, root, run, runFile, STRICT } from './empty-project.js'

const MAX_PACKAGES = 60
const MAX_BYTES = 25 * 1024 * 1024

const { peerDependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const HOST = `
import Fastify from 'fastify'
import { ChatRejection, createChat, type CommittedMessage } from 'fastify-chat'
import { createChatClient } from 'fastify-chat/client'
import crypto from 'fastify-chat/plugins/crypto'
import { Message } from 'fastify-chat/schemas'

// Creating an embedded database may take longer than the default timeout.
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
// The package includes the SDK and the package ws, so the SDK finds a WebSocket constructor on every version of Node.
const client = createChatClient({ url: 'http://127.0.0.1:1', token: 'none' })
client.on('state', state => {
  console.log('SDK', state.status, 'reason' in state ? state.reason : '')
  if (state.status === 'waiting') client.close()
})
`

/** Throws if the package is too big, or if it doesn't compile or run on a version of Fastify that it allows. */
export const tryHost = (projects, tarball) => {
  const newest = peerDependencies.fastify
  checkSize(projects, newest, tarball)
  for (const range of [newest, newest.replace('^', '')]) tryFastify(projects, range, tarball)
}

const checkSize = ({ project }, fastify, tarball) => {
  const alone = install(project('alone'), `fastify@${fastify}`)
  const all = install(project('size'), `fastify@${fastify}`, tarball)
  const added = { packages: all.installed - alone.installed, bytes: all.bytes - alone.bytes }
  const size = `${added.packages} packages and ${(added.bytes / 1024 / 1024).toFixed(1)} MiB`
  process.stdout.write(`fastify-chat adds ${size} to the ${alone.installed} packages of Fastify\n`)
  if (added.packages < MAX_PACKAGES && added.bytes < MAX_BYTES) return
  throw new Error(`fastify-chat adds ${size}; it must add fewer than ${MAX_PACKAGES} packages and ${MAX_BYTES} bytes.`)
}

const tryFastify = ({ folder, project }, range, tarball) => {
  const cwd = project(`host-${range}`)
  install(cwd, `fastify@${range}`, `@types/node@${devDependencies['@types/node']}`, tarball)
  const { version } = JSON.parse(readFileSync(join(cwd, 'node_modules/fastify/package.json'), 'utf8'))
  writeFileSync(join(cwd, 'host.ts'), HOST)
  const compilerOptions = { ...STRICT, types: ['node'] }
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['host.ts'] }))
  run(cwd, join(root, 'node_modules/.bin/tsc'), '-p', '.')

  // Without the embedded database, the error names the command that installs it. After that command, the host runs.
  const env = { DATABASE_URL: `pglite:${join(folder, `data-${version}`)}` }
  expectIn(runFile(cwd, 'out/host.js', env), 'npm install @electric-sql/pglite')
  install(cwd, `@electric-sql/pglite@${devDependencies['@electric-sql/pglite']}`)
  const printed = runFile(cwd, 'out/host.js', env)
  for (const line of ['1 Ann hello', '201 integer', 'SDK waiting unreachable']) expectIn(printed, line)
  expectIn(run(cwd, 'npx', 'fastify-chat', '--help'), 'Usage: fastify-chat')
  const notices = readFileSync(join(cwd, 'node_modules/fastify-chat/dist/THIRD_PARTY_NOTICES'), 'utf8')
  for (const name of ['ink', 'react', 'preact', 'swagger-ui', 'redoc']) expectIn(notices, `\n${name} (`)
  process.stdout.write(`fastify-chat compiles and runs with Fastify ${version}\n`)
}
