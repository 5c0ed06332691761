/**
 * Tests the import rules of docs/architecture.md: which parts each part may import. Checks dynamic imports too. Biome reports
 * import cycles. Also tests what unit tests may import.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /(?<!\.d)\.(tsx?|js)$/.test(name) && !name.includes('node_modules/'))
    .map(name => join(folder, name))
const files = ['src', 'client/src', 'plugins', 'routes'].flatMap(filesIn)

interface Import {
  readonly from: string
  readonly of: string
  readonly isType: boolean
}

const STATIC = /(?:^|\n)(?:import|export)\s+(type\s+)?(?:[^;'"]*?\sfrom\s+)?'([^']+)'/g
const DYNAMIC = /\bimport\(\s*(?:\/\*.*?\*\/\s*)*'([^']+)'/g

const importsOf = (file: string): Import[] => {
  const source = readFileSync(join(root, file), 'utf8')
  const found = (name: string, isType: boolean): Import => ({
    from: file,
    of: name.startsWith('.') ? relative(root, resolve(root, dirname(file), name)) : name,
    isType
  })
  return [
    ...[...source.matchAll(STATIC)].map(([, type, name = '']) => found(name, Boolean(type))),
    ...[...source.matchAll(DYNAMIC)].map(([, name = '']) => found(name, false))
  ]
}

const imports = files.flatMap(importsOf)
const isOurs = ({ of }: Import): boolean => /^(src|client|plugins|routes)\//.test(of)
/** Returns the part that a file belongs to. The files of src itself are parts, and `src/host-*.ts` belong to the part `host`. */
const partOf = (file: string): string =>
  (/^(?:src\/)?([\w-]+)(?:\/|\.)/.exec(file)?.[1] ?? file).replace(/^host-.*/, 'host')
const shown = (broken: Import[]): string[] => broken.map(({ from, of }) => `${from} imports ${of}`)

const SIBLINGS = ['config', 'crypto', 'db', 'bus', 'accounts', 'http', 'ops']
const BELOW = ['lib', 'protocol']
/** Maps each part to the parts from which it may import values. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  lib: [],
  protocol: ['lib'],
  ...Object.fromEntries(SIBLINGS.map(part => [part, BELOW])),
  chat: BELOW,
  shutdown: ['lib'],
  plugins: [...BELOW, ...SIBLINGS, 'chat', 'shutdown'],
  routes: [...BELOW, 'plugins'],
  client: [],
  tui: ['client'],
  web: ['client'],
  app: ['lib', 'http', 'plugins', 'routes'],
  host: [...BELOW, 'db', 'app'],
  signals: ['lib', 'shutdown'],
  server: ['lib', 'http', 'plugins', 'app', 'shutdown', 'signals'],
  cli: [...BELOW, ...SIBLINGS, 'server', 'tui'],
  index: [...BELOW, 'app', 'host'],
  schemas: [...BELOW, 'config', 'chat']
}
/**
 * Maps each part to further parts from which it may import only types. For example, parts in `SIBLINGS` import each other's
 * types, because they receive each other's objects as arguments.
 */
const MAY_IMPORT_TYPES: Record<string, readonly string[]> = {
  ...Object.fromEntries(SIBLINGS.map(part => [part, SIBLINGS])),
  chat: SIBLINGS,
  routes: ['config'],
  tui: BELOW,
  app: ['bus', 'chat', 'config'],
  host: ['accounts', 'chat'],
  server: ['config'],
  index: ['accounts', 'chat', 'db', 'plugins']
}

test('finds the files and their imports', () => {
  expect(files.length).toBeGreaterThan(40)
  expect(imports.length).toBeGreaterThan(100)
  expect(imports.some(({ from, of }) => from === 'src/cli.ts' && of === 'src/cli/client.ts')).toBe(true)
})

test.for(Object.keys(MAY_IMPORT))('%s imports only the parts below it', part => {
  const mayImport = [part, ...(MAY_IMPORT[part] ?? [])]
  const mayImportTypes = [...mayImport, ...(MAY_IMPORT_TYPES[part] ?? [])]
  const broken = imports.filter(
    one =>
      partOf(one.from) === part && isOurs(one) && !(one.isType ? mayImportTypes : mayImport).includes(partOf(one.of))
  )
  expect(shown(broken)).toEqual([])
})

test('every part has a rule', () => {
  expect(files.filter(file => !(partOf(file) in MAY_IMPORT))).toEqual([])
})

test('a kind of entry imports only lib, protocol and other kinds, and types of src/chat/access and src/db', () => {
  const broken = imports.filter(({ from, of, isType }) => {
    if (!from.startsWith('src/chat/kinds/') || !/^(src|plugins|routes)\//.test(of)) return false
    return !/^src\/(lib|protocol|chat\/kinds)\//.test(of) && !(isType && /^src\/(chat\/access|db)\//.test(of))
  })
  expect(shown(broken)).toEqual([])
})

test.for(['lib', 'protocol', 'crypto', 'db', 'bus', 'accounts', 'config', 'ops', 'chat'])(
  '%s imports neither Fastify nor its plugins',
  part => {
    const broken = imports.filter(
      one => partOf(one.from) === part && /^(fastify$|@fastify\/(?!cors|proxy-addr))/.test(one.of) && !one.isType
    )
    expect(shown(broken)).toEqual([])
  }
)

test('only src/db imports the database libraries', () => {
  const broken = imports.filter(one => /^(drizzle-orm|postgres$|@electric-sql)/.test(one.of) && !one.isType)
  expect(shown(broken.filter(one => partOf(one.from) !== 'db'))).toEqual([])
})

test('only src/tui/screen imports Ink and React, and only src/cli/client imports src/tui/screen, dynamically', () => {
  const isInScreen = (file: string) => file.startsWith('src/tui/screen/')
  const broken = imports.filter(one => {
    if (/^(ink|react|string-width)$/.test(one.of)) return !isInScreen(one.from)
    return isInScreen(one.of) && !isInScreen(one.from) && one.from !== 'src/cli/client.ts'
  })
  expect(shown(broken)).toEqual([])
  expect(readFileSync(join(root, 'src/cli/client.ts'), 'utf8')).not.toMatch(/from '.*tui\/screen/)
})

test('the SDK imports nothing outside client/src, because it is a package of its own', () => {
  expect(shown(imports.filter(one => partOf(one.from) === 'client' && partOf(one.of) !== 'client'))).toEqual([])
})

test('only the clients import the SDK', () => {
  const clients = ['client', 'tui', 'web']
  expect(shown(imports.filter(one => !clients.includes(partOf(one.from)) && partOf(one.of) === 'client'))).toEqual([])
})

test('src/web imports only the entry point of the SDK, Preact and the encoder of QR codes, and no other part imports src/web', () => {
  const broken = imports.filter(
    one =>
      partOf(one.from) === 'web' &&
      partOf(one.of) !== 'web' &&
      one.of !== 'client/src/index.ts' &&
      !/^(preact(\/hooks)?|lean-qr\/nano)$/.test(one.of)
  )
  expect(shown(broken)).toEqual([])
  expect(shown(imports.filter(one => partOf(one.of) === 'web' && partOf(one.from) !== 'web'))).toEqual([])
})

test('only src/db contains SQL', () => {
  const contains = (file: string) =>
    /[`'"]\s*(?:select|insert into|update|delete from|with \w+ as) /.test(readFileSync(join(root, file), 'utf8'))
  expect(files.filter(file => contains(file) && !file.startsWith('src/db/'))).toEqual([])
  expect(files.filter(contains).length).toBeGreaterThan(10)
})

test('only src/config/environment and src/cli/client read the environment', () => {
  const readers = files.filter(file =>
    /process\.env/.test(readFileSync(join(root, file), 'utf8').replace(/^\s*\*.*$/gm, ''))
  )
  expect(readers.sort()).toEqual(['src/cli/client.ts', 'src/config/environment.ts'])
})

/** The modules that start processes or build bundles, and the database of the tests. */
const NOT_IN_UNIT_TESTS = [
  'node:child_process',
  'node:cluster',
  'esbuild',
  'tools/page.js',
  'tests/support/database.ts'
]

test('unit tests import nothing that starts a process, builds a bundle or opens a database, also through other modules', () => {
  const all = [...imports, ...['tests', 'tools', 'deploy', 'examples'].flatMap(filesIn).flatMap(importsOf)]
  const values = all.filter(({ isType }) => !isType)
  /** Maps each file that leads to one of the modules to its import that leads there. The loop also visits what it adds. */
  const leads = new Map(NOT_IN_UNIT_TESTS.map(name => [name, name]))
  for (const [found] of leads) {
    for (const { from, of } of values) if (of === found && !leads.has(from)) leads.set(from, of)
  }
  const isUnitTest = (file: string) => /^tests\/.*(?<!\.(?:db|pg|e2e))\.test\.tsx?$/.test(file)
  expect(new Set(values.map(({ from }) => from).filter(isUnitTest)).size).toBeGreaterThan(100)
  expect([...leads].filter(([from]) => isUnitTest(from)).map(([from, of]) => `${from} imports ${of}`)).toEqual([])
})
