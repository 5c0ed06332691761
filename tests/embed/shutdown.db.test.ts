/**
 * Tests the shutdown of a host application and of the standalone service. In a host application, the chat skips the shutdown
 * steps for the server and the process.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { chatService } from '../../src/app.ts'
import { createServer } from '../../src/server.ts'
import { createShutdown, SHUTDOWN_STEPS, type Shutdown } from '../../src/shutdown.ts'
import { testDatabase, testDatabaseUrl } from '../support/database.ts'
import { silentLog } from '../support/memory-chat.ts'
import { testSettings } from '../support/settings.ts'

test('runs the shutdown steps in order when a host application closes, except those that only a process has', async () => {
  // Disables the timeout of plugins, because creating an embedded database takes seconds on a busy machine.
  const app = Fastify({ pluginTimeout: 0 })
  const ran: string[] = []
  const shutdown = createShutdown(silentLog)
  const recording: Shutdown = {
    get hasBegun() {
      return shutdown.hasBegun
    },
    run: shutdown.run,
    add: (step, action) =>
      shutdown.add(step, limits => {
        if (!ran.includes(step)) ran.push(step)
        return action(limits)
      })
  }
  app.decorate('chatShutdown', recording)
  const { schema } = await testDatabase()
  const settings = testSettings({
    databaseSchema: schema,
    audience: schema,
    databaseUrl: await testDatabaseUrl(),
    migrateOnStart: true
  })
  await app.register(chatService, { resolved: { settings, warnings: [] } })
  await app.ready()
  await shutdown.run('before')
  expect(await app.inject('/api/users/me')).toMatchObject({ statusCode: 503 })
  await shutdown.run('after')
  expect(ran).toEqual(SHUTDOWN_STEPS.filter(step => !('isOfProcess' in step)).map(({ name }) => name))
  await app.close()
})

test('ends open requests when the server of a process closes', async () => {
  const database = await testDatabase()
  const settings = testSettings({ databaseSchema: database.schema, audience: database.schema })
  const server = await createServer({ settings, client: database.client, logTo: { write() {} } })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  // Sends a request whose body is never completed.
  socket.write(
    'POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{'
  )
  await once(server.server, 'request')
  const closed = once(socket, 'close')
  socket.resume()
  await server.close()
  await closed
})
