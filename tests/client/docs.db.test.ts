/** Runs the first example of docs/client.md unchanged, except for the address and the package name. */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { endWithTest } from '../support/child-process.ts'
import { startChat } from '../support/start-chat.ts'

const root = resolve(import.meta.dirname, '../..')

test('runs the first example of the documentation unchanged', { timeout: 300_000 }, async () => {
  const { url } = await startChat()
  const page = await readFile(join(root, 'docs/client.md'), 'utf8')
  const [, lines = ''] = /```js\n(.*?)```/s.exec(page) ?? []
  expect(lines.trim().split('\n').length).toBeLessThanOrEqual(11)
  const sdk = pathToFileURL(join(root, 'client/src/index.ts')).href
  const folder = await mkdtemp(join(tmpdir(), 'chat-docs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'hello.mjs')
  await writeFile(file, lines.replace('fastify-chat-client', sdk).replace('http://localhost:8000', url))

  const child = spawn(process.execPath, ['--import', 'tsx', file], { cwd: root })
  endWithTest(child)
  let output = ''
  await new Promise<void>((done, failed) => {
    child.stdout.on('data', data => {
      output += data
      if (output.includes('ada: Hello from the SDK')) done()
    })
    child.stderr.on('data', data => {
      output += data
    })
    child.on('exit', code => failed(new Error(`ended with ${code}: ${output}`)))
  })
  expect(output.split('\n')).toContain('online')
})
