/** Extracts the files of an earlier commit, so that a test can run an earlier release. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** The last commit of the first release. Its newest migration is 0004, and its SDK has no sessions. */
export const FIRST_RELEASE = '258e117'
/** The last commit whose SDK did not support edits, deletions and reactions. */
export const BEFORE_CHANGES = '3d6bad8'

const root = join(import.meta.dirname, '../..')
const git = (...args: string[]): Buffer =>
  execFileSync('git', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 28 })

const hasCommit = (commit: string): boolean => {
  try {
    git('cat-file', '-e', `${commit}^{commit}`)
    return true
  } catch {
    return false
  }
}

/** Returns whether the repository has the earlier commits. A shallow clone lacks them. */
export const hasCommits = (): boolean => [FIRST_RELEASE, BEFORE_CHANGES].every(hasCommit)

/** Extracts the given paths of a commit into a new folder, which is removed after the test. Returns the folder. */
export const extractCommit = (commit: string, ...paths: string[]): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-former-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  execFileSync('tar', ['-x', '-C', folder], { input: git('archive', commit, ...paths) })
  return folder
}
