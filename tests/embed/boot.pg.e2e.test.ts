/**
 * Tests that a failed start leaves nothing open. The process must exit by itself, even if the host does nothing after it has
 * caught the error.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { endWithTest } from '../support/child-process.ts'
import { testClient, testDatabaseUrl, testSchema } from '../support/database.ts'

/** Maximum time in milliseconds for a host to start, fail and exit on a busy machine. */
const LONGEST_MS = 300_000

const startFailing = async (failure: string, url: string, schema: string, port = 0) => {
  const script = join(import.meta.dirname, 'failing-host.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, failure, url, schema, String(port)])
  endWithTest(child)
  let text = ''
  let endedAt = 0
  child.stdout.on('data', data => {
    text += data
    endedAt = Date.now()
  })
  child.stderr.on('data', data => {
    text += data
  })
  const [code] = await once(child, 'exit')
  return { code, text, lingeredMs: Date.now() - endedAt }
}

const busyPort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const failures = [
  ['key', /failed: The options of the plugin chat-crypto are not valid: `encryptionKey` must be a Fernet key/],
  ['migration', /failed: .*already exists/],
  ['plugin', /failed: the host failed/],
  ['hook', /failed: the host failed/],
  ['laterHook', /failed: the host failed/],
  ['port', /failed: .*EADDRINUSE/]
] as const

test.for(failures)(
  'exits without help after a failed start (%s)',
  { timeout: LONGEST_MS },
  async ([failure, message]) => {
    const schema = await testSchema()
    if (failure === 'migration') {
      const client = await testClient()
      await client.query(`create schema ${schema}`)
      await client.query(`create table ${schema}.users (other text)`)
    }
    const ended = await startFailing(failure, await testDatabaseUrl(), schema, await busyPort())
    expect(ended.text).toMatch(message)
    expect(ended.code).toBe(0)
    // An idle connection of the pool would keep the process running for a minute.
    expect(ended.lingeredMs).toBeLessThan(50_000)
  }
)
