/** Tests the entry points of the package. package.json lists the entry points by name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import * as schemas from '../src/schemas.ts'

const root = resolve(import.meta.dirname, '..')
const { exports, dependencies, peerDependencies, devDependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8')
)

test('every plugin is an entry point', () => {
  const files = readdirSync(join(root, 'plugins')).filter(name => name.endsWith('.ts'))
  const listed = Object.keys(exports).filter(name => name.startsWith('./plugins/'))
  expect(listed.sort()).toEqual(files.map(name => `./plugins/${name.replace(/\.ts$/, '')}`).sort())
})

test('every entry point has a source file and its types', () => {
  const entries = Object.entries(exports).filter(([name]) => name !== './package.json')
  for (const [name, { types, default: code }] of entries as [string, { types: string; default: string }][]) {
    expect(types, name).toBe(code.replace(/\.js$/, '.d.ts'))
    expect(existsSync(join(root, code.replace('./dist/', '').replace(/\.js$/, '.ts'))), name).toBe(true)
  }
})

test('src/schemas.ts exports only schemas, and no helper functions', () => {
  const helpers = Object.entries(schemas).filter(([, value]) => typeof value !== 'object')
  expect(helpers).toEqual([])
})

test('dependencies and peer dependencies have version ranges, and development dependencies have exact versions', () => {
  expect(Object.values({ ...dependencies, ...peerDependencies }).filter(range => !/^\^\d/.test(String(range)))).toEqual(
    []
  )
  expect(Object.values(devDependencies).filter(version => !/^\d/.test(String(version)))).toEqual([])
})
