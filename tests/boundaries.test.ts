/** Who may import whom: the rules of docs/architecture.md, held. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const files = ['src', 'plugins', 'routes'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .map(name => join(folder, name))
)

interface Import {
  readonly from: string
  readonly of: string
  readonly isType: boolean
}

const IMPORT = /(?:^|\n)(?:import|export)\s+(type\s+)?[^;]*?from\s+'([^']+)'/g

const importsOf = (file: string): Import[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(IMPORT)].map(([, isType, name = '']) => ({
    from: file,
    of: name.startsWith('.') ? relative(root, resolve(root, dirname(file), name)) : name,
    isType: Boolean(isType)
  }))

const imports = files.flatMap(importsOf)
const roomOf = (file: string): string => /^(src\/[\w-]+\/|plugins\/|routes\/|src\/)/.exec(file)?.[0] ?? file
const isOurs = ({ of }: Import): boolean => /^(src|plugins|routes)\//.test(of)
const leaves = ['errors', 'close-codes', 'clock', 'package', 'key-id', 'logging', 'validation', 'within'].map(
  name => `src/${name}.ts`
)
// Limits and log lines name a client by its address; settings and hooks read origins.
leaves.push('src/http/client-address.ts', 'src/http/origins.ts')
const isLeaf = (file: string): boolean => leaves.includes(file) || /^src\/(schemas|lib)\//.test(file)
const shown = (broken: Import[]): string[] => broken.map(({ from, of }) => `${from} imports ${of}`)

test('the scan finds the files and their imports', () => {
  expect(files.length).toBeGreaterThan(40)
  expect(imports.length).toBeGreaterThan(100)
})

test('leaves import only leaves', () => {
  expect(shown(imports.filter(one => isLeaf(one.from) && isOurs(one) && !isLeaf(one.of)))).toEqual([])
})

test('the rooms below import leaves and themselves only, and never Fastify', () => {
  const below = ['src/crypto/', 'src/db/', 'src/bus/', 'src/auth/', 'src/ops/', 'src/http/', 'src/config/']
  const broken = imports.filter(one => {
    const room = roomOf(one.from)
    if (!below.includes(room)) return false
    if (isOurs(one)) return !isLeaf(one.of) && roomOf(one.of) !== room
    return /^fastify$/.test(one.of)
  })
  expect(shown(broken)).toEqual([])
})

test('src/chat imports leaves, and of the other rooms only types; no SQL, no HTTP', () => {
  const broken = imports.filter(
    one =>
      one.from.startsWith('src/chat/') &&
      (isOurs(one)
        ? !isLeaf(one.of) && !one.of.startsWith('src/chat/') && !one.isType
        : /^(fastify|drizzle|postgres|@fastify|node:http)/.test(one.of))
  )
  expect(shown(broken)).toEqual([])
})

test('src/client imports itself, and of the leaves only types: it runs in browsers', () => {
  const broken = imports.filter(
    one =>
      one.from.startsWith('src/client/') &&
      !one.of.startsWith('src/client/') &&
      !(isOurs(one) && one.isType && isLeaf(one.of))
  )
  expect(shown(broken)).toEqual([])
})

test('src/tui imports itself and src/client, and of the leaves only types', () => {
  const broken = imports.filter(
    one =>
      one.from.startsWith('src/tui/') &&
      isOurs(one) &&
      !/^src\/(tui|client)\//.test(one.of) &&
      !(one.isType && isLeaf(one.of))
  )
  expect(shown(broken)).toEqual([])
})

test('only src/tui/screen knows Ink and React, and nothing imports it but at the moment of need: it is bundled', () => {
  const inScreen = ({ from }: Import) => from.startsWith('src/tui/screen/')
  const broken = imports.filter(one =>
    /^(ink|react|string-width)$/.test(one.of) ? !inScreen(one) : one.of.startsWith('src/tui/screen/') && !inScreen(one)
  )
  expect(shown(broken)).toEqual([])
})

test('only the clients import src/client', () => {
  const clients = /^src\/(client|tui|web)\//
  expect(shown(imports.filter(one => !clients.test(one.from) && one.of.startsWith('src/client/')))).toEqual([])
})

test('src/web imports itself, the SDK as apps see it, and Preact: it runs in browsers', () => {
  const broken = imports.filter(
    one =>
      one.from.startsWith('src/web/') &&
      !one.of.startsWith('src/web/') &&
      one.of !== 'src/client/index.ts' &&
      !/^preact(\/hooks)?$/.test(one.of)
  )
  expect(shown(broken)).toEqual([])
  expect(imports.filter(one => !one.from.startsWith('src/web/') && one.of.startsWith('src/web/'))).toEqual([])
})

test('routes know schemas and decorators: no Drizzle, no crypto, no database', () => {
  const broken = imports.filter(
    one => one.from.startsWith('routes/') && /drizzle|postgres|bcrypt|node:crypto|src\/(db|crypto|chat)\//.test(one.of)
  )
  expect(shown(broken)).toEqual([])
})

// The terminal client is no service: it has no settings of one, only a password and where this user keeps files.
test('only plugins/config reads the environment, and for the terminal client src/cli/client', () => {
  const readers = files.filter(file =>
    /process\.env/.test(readFileSync(join(root, file), 'utf8').replace(/^\s*\*.*$/gm, ''))
  )
  expect(readers.sort()).toEqual(['plugins/config.ts', 'src/cli/client.ts'])
})
