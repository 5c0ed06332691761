/** Tests the examples. Runs each example as a separate program, as a reader of the documentation would. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { endGroupWithTest } from '../support/child-process.ts'
import { freePort } from '../support/free-port.ts'
import { findPython } from '../support/programs.ts'
import { isAvailable } from '../support/requirements.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

const root = resolve(import.meta.dirname, '../..')

/** Starts a program. `untilPrinted` resolves when the program has printed a text. */
const start = (command: string, args: string[], env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, detached: true })
  let out = ''
  let check = () => {}
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', data => {
      out += data
      check()
    })
  }
  endGroupWithTest(child)
  const untilPrinted = (text: string) =>
    new Promise<void>((done, fail) => {
      check = () => {
        if (out.includes(text)) done()
      }
      child.once('exit', () =>
        out.includes(text)
          ? done()
          : fail(new Error(`The program ended before it printed "${text}". It printed: ${out}`))
      )
      check()
    })
  return { child, untilPrinted, out: () => out }
}

const example = (name: string, env: NodeJS.ProcessEnv) => start('npx', ['tsx', `examples/${name}`], env)

test('host.ts: runs the chat inside an application with its own login and rules', async () => {
  const port = await freePort()
  const host = example('host.ts', { PORT: `${port}`, DATABASE_URL: inject('testListenUrl'), ENCRYPTION_KEY })
  await host.untilPrinted(`http://localhost:${port}`)
  const login = async (who: string) => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ name: who })
    const response = await fetch(`http://localhost:${port}/login`, { method: 'POST', headers, body })
    return response.headers.get('set-cookie')?.split(';')[0] ?? ''
  }
  const join = async (cookie: string) => {
    const headers = { cookie }
    const client = await connect(`ws://localhost:${port}/support/ws/chat?rooms=support`, { headers })
    await client.nextOf('subscribed')
    return client
  }
  const [ann, bob] = [await join(await login('Ann')), await join(await login('Bob'))]
  ann.send({ type: 'message', room: 'support', content: 'Can you help me?' })
  expect(await bob.nextOf('message')).toMatchObject({ username: 'Ann', room: 'support', content: 'Can you help me?' })
  ann.send({ type: 'message', room: 'support', content: 'https://example.com' })
  expect(await ann.nextOf('error')).toMatchObject({ code: 'no_links' })
  const history = await fetch(`http://localhost:${port}/support/api/chat/messages`, {
    headers: { cookie: await login('Carol') }
  })
  expect(await history.json()).toMatchObject([{ username: 'System', content: 'The app has started.' }])
  await expect(join('sid=nobody')).rejects.toThrow('401')

  const dora = await login('Dora')
  const place = (item: string) => {
    const headers = { 'content-type': 'application/json', cookie: dora }
    return fetch(`http://localhost:${port}/orders`, { method: 'POST', headers, body: JSON.stringify({ item }) })
  }
  const placed = (await (await place('Tea')).json()) as { order: number }
  expect(placed).toMatchObject({ item: 'Tea' })
  await host.untilPrinted(`Order ${placed.order} is in orders.dora`)
  const room = `http://localhost:${port}/support/api/chat/rooms/orders.dora/log?after=0`
  const { entries } = (await (await fetch(room, { headers: { cookie: dora } })).json()) as { entries: object[] }
  // The entries before these two are about the members.
  expect(entries.slice(-2)).toMatchObject([
    { type: 'acme.order', data: placed },
    { type: 'message', content: 'Thank you for your order.' }
  ])
  expect((await fetch(room, { headers: { cookie: await login('Eve') } })).status).toBe(404)
  // The item is too long for an entry of the kind `acme.order`. The transaction is rolled back, so the order is not stored.
  const tooLong = 'x'.repeat(200)
  expect((await place(tooLong)).status).toBe(422)
  const sql = postgres(inject('testListenUrl'), { max: 1 })
  onTestFinished(() => sql.end())
  expect(await sql`select * from orders where item = ${tooLong}`).toEqual([])
}, 300_000)

test('bot.ts: responds to each ping once', async () => {
  const { url, register, join } = await startChat()
  const bot = example('bot.ts', { CHAT_URL: url })
  await bot.untilPrinted('online')
  const john = await join(await register('john'))
  john.send({ type: 'message', content: '!ping' })
  for (const content of ['!ping', 'pong, john']) expect(await john.nextOf('message')).toMatchObject({ content })
}, 300_000)

test.runIf(isAvailable('python: websockets'))(
  'client.py: registers, chats and reads the history',
  async () => {
    const { url, register, join } = await startChat()
    const john = await join(await register('john'))
    const jane = start(findPython('websockets') ?? '', ['examples/client.py', 'jane', PASSWORD, url])
    await jane.untilPrinted('Connected as jane')
    jane.child.stdin.write('Hello, John!\n')
    expect(await john.nextOf('message')).toMatchObject({ username: 'jane', content: 'Hello, John!' })
    john.send({ type: 'message', content: 'Hello, Jane!' })
    await jane.untilPrinted('john: Hello, Jane!')
    jane.child.stdin.end()
    expect((await once(jane.child, 'exit'))[0]).toBe(0)
    const later = start(findPython('websockets') ?? '', ['examples/client.py', 'jane', PASSWORD, url])
    await later.untilPrinted('john: Hello, Jane!')
  },
  300_000
)
