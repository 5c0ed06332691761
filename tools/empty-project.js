// Creates empty projects in a temporary folder, to install this project's packages as users do.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..')

/** Runs a program and returns its output. Throws if the program fails. */
export const run = (cwd, command, ...args) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Runs a file with Node. Returns its standard output, or its standard error if it failed. */
export const runFile = (cwd, file, env = {}) => {
  try {
    return execFileSync('node', [file], {
      cwd,
      encoding: 'utf8',
      stdio: 'pipe',
      env: { PATH: process.env.PATH, ...env }
    })
  } catch (error) {
    return error.stderr
  }
}

/** Throws if the text doesn't contain `wanted`. */
export const expectIn = (text, wanted) => {
  if (!text.includes(wanted)) throw new Error(`Expected ${JSON.stringify(wanted)} in the output:\n${text}`)
}

/** The compiler options of a strict project, which also checks the types of libraries. */
export const STRICT = {
  target: 'es2022',
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  rootDir: '.',
  outDir: 'out'
}

/**
 * Copies the files of the repository, without what git ignores, such as `dist`. A package that is packed from the copy contains
 * only what its script `prepack` builds.
 */
const copyRepository = target => {
  for (const file of run(root, 'git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0'))
    if (file !== '' && existsSync(join(root, file))) cpSync(join(root, file), join(target, file), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'))
}

/** Creates a temporary folder for empty projects. */
export const createProjects = () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-package-'))
  const source = join(folder, 'repository')
  try {
    copyRepository(source)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return {
    folder,
    /** Creates an empty project and returns its folder. */
    project(name) {
      const cwd = join(folder, name)
      mkdirSync(cwd)
      writeFileSync(
        join(cwd, 'package.json'),
        JSON.stringify({ name, version: '1.0.0', type: 'module', private: true })
      )
      return cwd
    },
    /** Packs a package from a copy of this repository without build output, and returns the path of the tarball. */
    pack: (...options) =>
      join(folder, run(source, 'npm', 'pack', '--silent', ...options, '--pack-destination', folder).trim()),
    /**
     * Packs the package as npm does when it installs from a Git URL, and returns the path of the tarball: runs the script `prepare`
     * in a copy without build output, and packs the result without `prepack`.
     */
    packPrepared() {
      const target = join(folder, 'prepared')
      mkdirSync(target)
      rmSync(join(source, 'dist'), { recursive: true, force: true })
      run(source, 'npm', 'run', 'prepare')
      return join(
        target,
        run(source, 'npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', target).trim()
      )
    },
    remove: () => rmSync(folder, { recursive: true, force: true })
  }
}

/** Installs packages. Returns the number of packages in the project, and their total size in bytes. */
export const install = (cwd, ...packages) => {
  run(cwd, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages)
  const installed = run(cwd, 'npm', 'ls', '--all', '--parseable').trim().split('\n').length - 1
  const files = readdirSync(join(cwd, 'node_modules'), { recursive: true, withFileTypes: true })
  const bytes = files.reduce(
    (sum, file) => (file.isFile() ? sum + statSync(join(file.parentPath, file.name)).size : sum),
    0
  )
  return { installed, bytes }
}
