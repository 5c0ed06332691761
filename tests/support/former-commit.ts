/** Extracts the files of an earlier commit, so that a test can run an earlier release. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

const root = join(import.meta.dirname, '../..')
const git = (...args: string[]): Buffer =>
  execFileSync('git', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 28 })

/** Returns whether the repository has a commit, and prints a message if not. A shallow clone lacks earlier commits. */
export const hasCommit = (commit: string): boolean => {
  try {
    git('cat-file', '-e', `${commit}^{commit}`)
    return true
  } catch {
    process.stderr.write(`\n*** SKIPPED: tests that run the commit ${commit}, which this clone lacks. ***\n\n`)
    return false
  }
}

/** Extracts the given paths of a commit into a new folder, which is removed after the test. Returns the folder. */
export const extractCommit = (commit: string, ...paths: string[]): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-former-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  execFileSync('tar', ['-x', '-C', folder], { input: git('archive', commit, ...paths) })
  return folder
}
