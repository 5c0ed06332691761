/** Tests that a host application with users of its own does not load the libraries and the code of the service's accounts. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { builtProgram } from '../support/built-service.ts'
import { testDatabaseUrl, testSchema } from '../support/database.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

/** Appends the URL of every imported module to the file that the environment variable LOADED names. */
const HOOK = `import { appendFileSync } from 'node:fs'
export const resolve = async (name, context, next) => {
  const found = await next(name, context)
  appendFileSync(process.env.LOADED, found.url + '\\n')
  return found
}`
const dataUrl = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`
const REGISTER = dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(dataUrl(HOOK))})`)

/** Starts and closes a host application. Returns the URLs of the modules that it loaded. */
const loadedBy = async (options: string): Promise<string> => {
  const plugin = pathToFileURL(join(await builtProgram(), '../index.js')).href
  const folder = mkdtempSync(join(tmpdir(), 'chat-loaded-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const settings = {
    databaseUrl: await testDatabaseUrl(),
    databaseSchema: await testSchema(),
    encryptionKey: ENCRYPTION_KEY
  }
  const script = `import Fastify from 'fastify'
const { default: chat } = await import(${JSON.stringify(plugin)})
const app = Fastify()
await app.register(chat, { ...${JSON.stringify(settings)}, ${options} })
await app.ready()
await app.close()`
  const loaded = join(folder, 'loaded')
  execFileSync(process.execPath, ['--import', REGISTER, '--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH, LOADED: loaded }
  })
  return readFileSync(loaded, 'utf8')
}

const ACCOUNTS_ONLY = [
  '@node-rs/bcrypt',
  'otpauth',
  'jose',
  'nodemailer',
  '@simplewebauthn',
  'common-words',
  '@fastify/jwt'
]

test('a host application with users of its own loads no code of accounts', async () => {
  const own = await loadedBy(`secretKey: ${JSON.stringify(SECRET_KEY)}`)
  expect(ACCOUNTS_ONLY.filter(name => own.includes(name))).toEqual(
    expect.arrayContaining(['@node-rs/bcrypt', 'otpauth', 'common-words', '@fastify/jwt'])
  )
  const host = await loadedBy('authenticate: () => null')
  expect(host).toContain('chat.js')
  expect(ACCOUNTS_ONLY.filter(name => host.includes(name))).toEqual([])
})
