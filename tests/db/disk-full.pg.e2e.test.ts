/** Tests the service while the disk is full. The tables are on a small file system in memory, which only root can mount. */
import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlClient } from '../../src/db/client/types.ts'
import { createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { type Cluster, startCluster } from '../chaos/cluster.ts'
import { binaries } from '../support/own-cluster.ts'
import { isAvailable } from '../support/requirements.ts'
import { startChat } from '../support/start-chat.ts'

describe.runIf(isAvailable('cluster') && isAvailable('mount'))('a full disk', () => {
  let cluster: Cluster
  let disk: string

  beforeAll(async () => {
    disk = mkdtempSync(join(tmpdir(), 'chat-disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=777', 'tmpfs', disk])
    chmodSync(disk, 0o777)
    cluster = await startCluster(binaries)
  }, 300_000)

  afterAll(() => {
    cluster?.stop()
    execFileSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true, force: true })
  })

  /** Fills the file system to the last byte. Returns a function that frees the space. */
  const fill = (): (() => void) => {
    const path = join(disk, 'ballast')
    const file = openSync(path, 'w')
    try {
      for (const size of [1024 * 1024, 4096, 512]) {
        try {
          for (;;) writeSync(file, Buffer.alloc(size))
        } catch {}
      }
    } finally {
      closeSync(file)
    }
    return () => rmSync(path)
  }

  test('rejects messages immediately, logs one line per interval, and accepts messages again when there is space', async () => {
    const url = `postgres://postgres@127.0.0.1:${cluster.port}`
    const admin = await openClient({ url: `${url}/postgres`, poolMax: 1 })
    onTestFinished(() => admin.close())
    const [as] = execFileSync('stat', ['-c', '%u:%g', `/proc/${await pidOf(admin)}`], { encoding: 'utf8' }).split('\n')
    execFileSync('chown', [as ?? '', disk])
    await admin.query(`create tablespace small location '${disk}'`)
    // The write-ahead log (pg_wal) is on another disk, because the server restarts if there is no space for the log.
    await admin.query('create database chat tablespace small')
    const client = await openClient({ url: `${url}/chat`, poolMax: 10 })
    onTestFinished(() => client.close())
    await migrateUp(client, 'public')
    const chat = await startChat({ database: createDatabase(client, 'public'), settings: { messageRateLimit: 0 } })
    const john = await chat.register('john')
    const socket = await chat.join(john)
    const content = 'x'.repeat(3000)
    socket.send({ type: 'message', content, nonce: 'before' })
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 1 })

    const free = fill()
    const responses: Record<string, string>[] = []
    let sent = 0
    // The existing pages of the tables still have free space. When these pages are full, every message is rejected.
    while (responses.filter(({ type }) => type === 'error').length < 240) {
      for (let at = 0; at < 60; at++) socket.send({ type: 'message', content, nonce: `n${sent++}` })
      const until = responses.length + 60
      while (responses.length < until) {
        const frame = await socket.next()
        if (frame.type === 'ack' || frame.type === 'error') responses.push(frame)
      }
    }
    const refused = responses.filter(({ type }) => type === 'error')
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['unavailable']))
    const lines = chat
      .log()
      .split('\n')
      .filter(line => line.includes('"level":50'))
    expect(lines.length).toBeLessThan(60)
    expect(lines.some(line => line.includes('53100'))).toBe(true)
    // Reads still work while the disk is full.
    expect((await chat.call('GET', '/api/chat/messages', { token: john.token })).status).toBe(200)
    expect((await chat.call('GET', '/health/ready')).status).toBe(200)

    free()
    const resent = refused[0]?.nonce
    socket.send({ type: 'message', content, nonce: resent })
    expect(await socket.nextOf('ack')).toMatchObject({ nonce: resent })
    const stored = await client.query<{ count: string }>('select count(*) from public.messages')
    const acknowledged = responses.filter(({ type }) => type === 'ack').length + 2
    expect(Number(stored[0]?.count)).toBe(acknowledged)
  }, 300_000)
})

/** Returns the process id of the server process that handles the client's connection. */
const pidOf = async (client: SqlClient): Promise<number> => {
  const [row] = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return row?.pid ?? 0
}
