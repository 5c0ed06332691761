/** Tests what a release requires: equal versions of both packages, and GitHub actions that are pinned by digest. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const versionOf = (file: string): string => JSON.parse(readFileSync(join(root, file), 'utf8')).version

test('both packages have the same version', () => {
  expect(versionOf('client/package.json')).toBe(versionOf('package.json'))
})

test('every action is pinned by its digest', () => {
  const used = ['ci', 'release'].flatMap(name => [
    ...readFileSync(join(root, `.github/workflows/${name}.yml`), 'utf8').matchAll(/uses: (.+)/g)
  ])
  expect(used.length).toBeGreaterThan(5)
  expect(used.map(([, action = '']) => action).filter(action => !/@[0-9a-f]{40} # v\d/.test(action))).toEqual([])
})
