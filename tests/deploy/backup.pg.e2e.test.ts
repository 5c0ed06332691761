/** Runs deploy/backup.sh and deploy/restore.sh with the built program, on a PostgreSQL cluster of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { type Cluster, startCluster } from '../chaos/cluster.ts'
import { builtProgram } from '../support/built-service.ts'
import { endWithTest } from '../support/child-process.ts'
import { binaries, describeWithCluster } from '../support/own-cluster.ts'

const script = (name: string): string => join(import.meta.dirname, '../../deploy', name)

describeWithCluster('the scripts', () => {
  let cluster: Cluster
  let program: string
  beforeAll(async () => {
    program = await builtProgram()
    cluster = await startCluster(binaries)
  }, 300_000)
  afterAll(() => cluster?.stop())

  const openDatabase = async (name: string) => {
    const client = await openClient({ url: `postgres://postgres@127.0.0.1:${cluster.port}/${name}`, poolMax: 1 })
    onTestFinished(() => client.close())
    return createDatabase(client, 'public')
  }

  /** Creates an empty database. */
  const create = async (name: string) => {
    const { client } = await openDatabase('postgres')
    await client.query(`create database ${name}`)
    return openDatabase(name)
  }

  const run = (name: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
    const child = spawn('sh', [script(name), ...args], {
      env: {
        PATH: `${binaries}:${process.env.PATH}`,
        DATABASE_HOST: '127.0.0.1',
        DATABASE_PORT: String(cluster.port),
        DATABASE_USER: 'postgres',
        DATABASE_PASSWORD: 'unused',
        FASTIFY_CHAT: `${process.execPath} ${program}`,
        ...env
      }
    })
    endWithTest(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += data))
    return new Promise<{ code: number | null; output: string }>(resolve =>
      child.on('close', code => resolve({ code, output }))
    )
  }

  /** Creates a database with messages, and a folder for its backups. */
  const start = async (name: string) => {
    const database = await create(name)
    await migrateUp(database.client, 'public')
    const { id: userId } = await database.users.create({ username: 'john', hashedPassword: 'h' })
    const entry = { roomId: 1, userId, kind: 'message', meta: null, keyId: 'k' }
    await database.messages.append(['a', 'b', 'c'].map(writeId => ({ ...entry, content: `token ${writeId}`, writeId })))
    const dir = mkdtempSync(join(tmpdir(), 'chat-backup-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const databases = async () =>
      (await database.client.query<{ name: string }>('select datname as name from pg_database')).map(({ name }) => name)
    return { database, dir, databases, env: { DATABASE_NAME: name, BACKUP_DIR: dir } }
  }

  test('dump, verify by restoring, keep some backups, and restore with new epochs', async () => {
    const { database, dir, databases, env } = await start('one')
    const first = await run('backup.sh', [], { ...env, BACKUP_KEEP: '1' })
    expect(first.output).toContain('verified: 1 users, 1 rooms, 3 entries')
    expect(first.code).toBe(0)
    const [kept = ''] = readdirSync(dir)
    expect(kept).toMatch(/^fastify-chat-\d{8}T\d{6}Z\.dump$/)
    // Backs up until the first backup is deleted. A backup in the same second has the same file name, and replaces the first.
    await expect
      .poll(async () => (await run('backup.sh', [], { ...env, BACKUP_KEEP: '1' })).output, { timeout: 60_000 })
      .toContain(`${kept}: deleted`)
    const [newest = ''] = readdirSync(dir)
    expect(readdirSync(dir)).toEqual([newest])
    expect((await databases()).filter(name => name.startsWith('fastify_chat_verify'))).toEqual([])

    const restored = await create('restored')
    const file = join(dir, newest)
    const result = await run('restore.sh', [file], { DATABASE_NAME: 'restored' })
    expect(result).toMatchObject({ code: 0, output: expect.stringContaining('1 room has a new epoch') })
    const [before, after] = [await database.rooms.findByName('general'), await restored.rooms.findByName('general')]
    expect(after?.epoch).not.toBe(before?.epoch)
    expect(after).toMatchObject({ lastSeq: 3, oldestSeq: 1 })
    expect((await restored.messages.range(1, 1, 3)).map(({ content }) => content)).toEqual([
      'token a',
      'token b',
      'token c'
    ])
    // A new entry continues the numbers of the restored log.
    const more = { roomId: 1, userId: 1, kind: 'message', meta: null, keyId: 'k', content: 't', writeId: 'd' }
    expect(await restored.messages.append([more])).toMatchObject([{ seq: 4 }])
    const again = await run('restore.sh', [file], { DATABASE_NAME: 'restored' })
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('is not empty') })
  })

  test('keep the earlier backups if a dump cannot be verified', async () => {
    const { dir, databases, env } = await start('two')
    expect((await run('backup.sh', [], env)).code).toBe(0)
    const kept = readdirSync(dir)
    expect((await run('backup.sh', [], { ...env, BACKUP_KEEP: '1', FASTIFY_CHAT: 'false' })).code).not.toBe(0)
    expect(readdirSync(dir)).toEqual(kept)
    expect((await databases()).filter(name => name.startsWith('fastify_chat_verify'))).toEqual([])
    expect((await run('backup.sh', [], { ...env, DATABASE_NAME: 'absent' })).code).not.toBe(0)
    expect(readdirSync(dir)).toEqual(kept)
  })
})
