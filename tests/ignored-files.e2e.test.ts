/** Tests which files git ignores, so that nobody commits secrets or the data of the embedded database. */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

/** Files that contain secrets or data: `.env` and its variants, also those that other tools read, and `.data` of `npm run dev`. */
const SECRET = ['.env', '.env.local', '.env.production', '.env.test.local', '.env~', 'client/.env', '.data/chat/base/1']
const COMMITTED = ['.env.example', 'src/config/environment.ts', 'docs/settings.md']

test('files with secrets and data are ignored, and .env.example is not', () => {
  // A repository of its own, because the ignore rules must not come from the settings of this machine.
  const folder = mkdtempSync(join(tmpdir(), 'chat-ignored-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const env = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
  execFileSync('git', ['init', '--quiet', folder], { env })
  copyFileSync(join(import.meta.dirname, '../.gitignore'), join(folder, '.gitignore'))
  const { stdout } = spawnSync('git', ['check-ignore', ...SECRET, ...COMMITTED], { cwd: folder, env, encoding: 'utf8' })
  expect(stdout.trim().split('\n')).toEqual(SECRET)
})
