// Runs the first command of the README in a clean clone of the commit. Registers two users and sends a message, kills the
// service, starts it again and checks the history. Prints how long each start took.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const { WebSocket } = createRequire(import.meta.url)('ws')
const root = resolve(import.meta.dirname, '..')
const copy = mkdtempSync(join(tmpdir(), 'chat-smoke-'))
execFileSync('git', ['clone', '--quiet', root, copy])
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))

const freePort = await new Promise(done => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => done(port))
  })
})
const url = `http://127.0.0.1:${freePort}`
let running

const start = async targetSeconds => {
  const began = Date.now()
  let output = ''
  running = spawn('npm', ['run', 'dev'], { cwd: copy, env: { ...process.env, PORT: String(freePort) }, detached: true })
  for (const stream of [running.stdout, running.stderr]) stream.on('data', data => (output += data))
  for (;;) {
    const response = await fetch(`${url}/health`).catch(() => undefined)
    if (response?.ok) break
    if (Date.now() - began > 4 * targetSeconds * 1000)
      throw new Error(`The service did not respond in time. Its output:\n${output}`)
    await new Promise(done => setTimeout(done, 50))
  }
  process.stdout.write(`first response after ${(Date.now() - began) / 1000} s (target: ${targetSeconds} s)\n`)
}

const kill = () =>
  new Promise(done => {
    running.on('close', done)
    process.kill(-running.pid, 'SIGKILL')
  })

const call = async (path, body, token) => {
  const response = await fetch(url + path, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` })
    },
    ...(body && { body: JSON.stringify(body) })
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

const connect = async token => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/chat?token=${token}`)
  const received = new Promise(done =>
    socket.on('message', data => {
      const frame = JSON.parse(data)
      if (frame.type === 'message') done(frame)
    })
  )
  await new Promise((done, fail) => socket.once('open', done).once('error', fail))
  return { socket, received }
}

try {
  await start(15)
  const tokens = []
  for (const username of ['john', 'jane']) {
    await call('/api/auth/register', { username, password: 'SecurePass123' })
    tokens.push((await call('/api/auth/login', { username, password: 'SecurePass123' })).access_token)
  }
  const [john, jane] = await Promise.all(tokens.map(connect))
  john.socket.send(JSON.stringify({ type: 'message', content: 'Hello, world!' }))
  for (const { received } of [john, jane]) {
    const { content, username } = await received
    if (content !== 'Hello, world!' || username !== 'john')
      throw new Error(`Expected "Hello, world!" from john. Received "${content}" from ${username}.`)
  }
  await kill()
  await start(5)
  const history = await call('/api/chat/messages', undefined, tokens[1])
  if (history.length !== 1 || history[0].content !== 'Hello, world!')
    throw new Error('The history does not contain the message after the restart.')
} finally {
  if (running?.exitCode === null && running.signalCode === null) await kill()
  rmSync(copy, { recursive: true, force: true })
}
