/**
 * Tests the folder of the embedded database: only one process may open it, and no commit is lost when that process is killed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lockFolder } from '../../src/db/client/folder-lock.ts'
import { openEmbedded } from '../../src/db/client/pglite.ts'
import { endWithTest } from '../support/child-process.ts'

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a module in a separate process, which is killed when the test ends. Resolves with the process and its first output. */
const run = async (source: string) => {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit']
  })
  endWithTest(child)
  const [output] = await once(child.stdout, 'data')
  return { child, output: String(output).trim() }
}

const kill = async (child: { kill(signal: 'SIGKILL'): boolean } & NodeJS.EventEmitter) => {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

describe('the lock on a folder', () => {
  test('is held by one process, and can be acquired again after it is released', async () => {
    const folder = newFolder()
    const lock = await lockFolder(folder)
    await expect(lockFolder(folder, 0)).rejects.toThrow(/open in another process/)
    await lock.release()
    await (await lockFolder(folder, 0)).release()
    expect(readdirSync(join(folder, 'lock'))).toEqual([])
  })

  test('is acquired as soon as it is released', async () => {
    const folder = newFolder()
    const lock = await lockFolder(folder)
    const waiting = lockFolder(folder)
    await lock.release()
    await (await waiting).release()
  })

  test('has one holder at a time if it is requested concurrently', async () => {
    const folder = newFolder()
    let held = 0
    let maximum = 0
    const takeTurn = async () => {
      const lock = await lockFolder(folder, 60_000)
      maximum = Math.max(maximum, ++held)
      await new Promise(setImmediate)
      held--
      await lock.release()
    }
    await Promise.all(Array.from({ length: 6 }, takeTurn))
    expect(maximum).toBe(1)
  })

  test('is not held by a killed process, nor by unrelated files in its folder', async () => {
    const folder = newFolder()
    const { child } = await run(`
      import { lockFolder } from './src/db/client/folder-lock.ts'
      await lockFolder(${JSON.stringify(folder)})
      console.log('held')
      setInterval(() => {}, 1000)`)
    await expect(lockFolder(folder, 0)).rejects.toThrow(/open in another process/)
    await kill(child)
    const [dead = ''] = readdirSync(join(folder, 'lock'))
    utimesSync(join(folder, 'lock', dead), 1, 1)
    writeFileSync(join(folder, 'lock', 'notes.txt'), 'x')
    const lock = await lockFolder(folder, 0)
    expect(existsSync(join(folder, 'lock', dead))).toBe(false)
    await lock.release()
  })

  test('does not remove a new socket that refuses connections, because its process may be about to listen', async () => {
    const folder = newFolder()
    await (await lockFolder(folder)).release()
    const server = createServer().listen(join(folder, 'lock', 'young.s'))
    await once(server, 'listening')
    // Simulates the socket file that a killed process leaves behind. The test renames the file, because the server removes the
    // file with the original name when it closes.
    const young = join(folder, 'lock', 'left.s')
    const { renameSync } = await import('node:fs')
    renameSync(join(folder, 'lock', 'young.s'), young)
    await new Promise(resolve => server.close(resolve))
    await (await lockFolder(folder, 0)).release()
    expect(existsSync(young)).toBe(true)
  })

  test('works for a folder whose path is too long for the address of a socket', async () => {
    const folder = join(newFolder(), 'x'.repeat(90))
    const lock = await lockFolder(folder)
    await expect(lockFolder(folder, 0)).rejects.toThrow(/open in another process/)
    await lock.release()
  })
})

test('the embedded database keeps commits if its process is killed, and rejects a second process', async () => {
  const folder = newFolder()
  const { child, output } = await run(`
    import { openEmbedded } from './src/db/client/pglite.ts'
    const client = await openEmbedded(${JSON.stringify(folder)})
    await client.transaction(tx => tx.exec('create table kept (n int); insert into kept values (1), (2)'))
    console.log('written')
    setInterval(() => {}, 1000)`)
  expect(output).toBe('written')
  const second = run(`
    import { openEmbedded } from './src/db/client/pglite.ts'
    await openEmbedded(${JSON.stringify(folder)}).catch(error => console.log(error.message))`)
  expect((await second).output).toMatch(/open in another process, and two processes would corrupt it/)
  await kill(child)
  const client = await openEmbedded(folder)
  expect(await client.query('select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }])
  await client.close()
  await expect(client.query('select 1')).rejects.toThrow()
}, 300_000)

test('`:memory:` opens a database without a folder', async () => {
  const client = await openEmbedded(':memory:')
  onTestFinished(() => client.close())
  expect(await client.query('select 1 as one')).toEqual([{ one: 1 }])
  expect(client.where).toBe('pglite::memory:')
  expect(existsSync(':memory:')).toBe(false)
  await client.close()
  await client.close()
})
