/** Tests that no test is skipped silently, and that a CI installs what the tests need. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mayRun, REQUIREMENTS, type Requirement } from './support/requirements.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const missing: Requirement = { tests: 'the tests of X', reason: 'X is not installed', isMet: () => false }
const optional: Requirement = { ...missing, isOptional: true }

test('runs tests if what they need is there, and prints nothing', () => {
  const printed: string[] = []
  for (const isCi of [true, false])
    expect(mayRun({ ...missing, isMet: () => true }, isCi, text => printed.push(text))).toBe(true)
  expect(printed).toEqual([])
})

test('prints which tests are skipped and why', () => {
  const printed: string[] = []
  expect(mayRun(missing, false, text => printed.push(text))).toBe(false)
  expect(printed.join('')).toContain('*** SKIPPED: the tests of X. X is not installed. ***')
})

test('fails with CI=true instead of skipping tests, unless no CI can provide what they need', () => {
  expect(() => mayRun(missing, true, () => {})).toThrow('X is not installed. With CI=true every test must run.')
  const printed: string[] = []
  expect(mayRun(optional, true, text => printed.push(text))).toBe(false)
  expect(printed).toHaveLength(1)
})

test('tests are skipped only by a requirement of this list, or for a database engine that another project runs', () => {
  const skips = readdirSync(join(root, 'tests'), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name) && !name.includes('node_modules') && name !== 'requirements.e2e.test.ts')
    .flatMap(name =>
      [...read(join('tests', name)).matchAll(/\.(?:skip|todo|skipIf|runIf)\(.*/g)].map(([call]) => `${name}: ${call}`)
    )
  const available = String.raw`isAvailable\((?:'[^']+'|proxy\.name)\)`
  const allowed = new RegExp(
    String.raw`\.runIf\(${available}(?: && ${available})*\)|\.(?:runIf|skipIf)\(engine === '\w+'\)`
  )
  expect(skips.length).toBeGreaterThan(20)
  expect(skips.filter(skip => !allowed.test(skip))).toEqual([])
})

/** Packages that the image of GitHub's runners contains, or replaces with a package of another name. */
const ON_GITHUB = ['chromium-headless-shell', 'docker-compose', 'postgresql', 'systemd']

test.each([
  ['.ci/run', []],
  ['.github/workflows/ci.yml', ON_GITHUB]
])('%s installs every package that a requirement names', (path, present) => {
  const words = new Set(read(path).split(/\s+/))
  const packages = Object.values<Requirement>(REQUIREMENTS).flatMap(one => one.packages ?? [])
  expect(packages.filter(name => !words.has(name) && !present.includes(name))).toEqual([])
})
