/** Finds the programs and libraries that tests run. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const succeeds = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0

/** The folders of PATH, and those of Debian's packages, because the PATH of a user who is not root lacks `/usr/sbin`. */
const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/sbin', '/usr/bin']

/** Returns the path of a program. */
export const findProgram = (name: string): string | undefined =>
  folders.map(folder => join(folder, name)).find(path => existsSync(path))

/** Returns the path of a program. Throws if it is not installed. */
export const requireProgram = (name: string): string => {
  const path = findProgram(name)
  if (path === undefined) throw new Error(`${name} is not installed.`)
  return path
}

// `chromium-headless-shell` comes before the complete browsers. A complete browser uses about twice the CPU time, because it also
// draws its own windows.
const browsers = [
  process.env.CHROMIUM,
  ...['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'].map(name => `/usr/bin/${name}`)
].flatMap(path => (path !== undefined && existsSync(path) ? [path] : []))

/** The path of Chromium: the environment variable `CHROMIUM`, or the path where packages install Chromium. */
export const chromiumPath = browsers[0]
/** The path of a complete browser, which can show notifications. */
export const completeChromiumPath = browsers.find(path => !path.endsWith('-shell'))

/** Returns a Python 3 that can import the modules, for example `bcrypt, passlib`. */
export const findPython = (modules: string): string | undefined =>
  ['python3', '/usr/bin/python3'].find(program => succeeds(program, '-c', `import ${modules}`))

/** Returns the command of Docker Compose 2, or of Compose 1. */
export const findCompose = (): readonly string[] | undefined =>
  [['docker', 'compose'], ['docker-compose']].find(([program = '', ...args]) => succeeds(program, ...args, 'version'))

/** Returns the path of the library of faketime for programs with threads. */
export const findFaketime = (): string | undefined =>
  ['x86_64', 'aarch64']
    .map(machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
    .find(path => existsSync(path))
