/** Compiles another commit, so that benchmarks can run its service. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** A compiled commit. The caller removes the folder. */
export interface CompiledCommit {
  readonly folder: string
  /** The program `fastify-chat` of the commit. */
  readonly program: string
}

/**
 * Extracts a commit to a new folder and compiles it there, without checking its types. The commit runs with the packages of this
 * tree.
 */
export const compileCommit = (commit: string): CompiledCommit => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-bench-commit-'))
  const archive = execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 2 ** 28 })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const options = ['--noCheck', '--declaration', 'false', '--stripInternal', 'false', '--sourceMap', 'false']
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json', ...options], { cwd: folder, stdio: 'inherit' })
  // Copies the files of the web client from this tree. The service needs them to start, but no benchmark loads them.
  for (const files of ['web', 'assets'])
    cpSync(join(root, 'dist', files), join(folder, 'dist', files), { recursive: true })
  return { folder, program: join(folder, 'dist/src/cli.js') }
}
