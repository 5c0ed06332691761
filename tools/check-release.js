// Checks that a tag, both packages and the changelog name the same version: `node tools/check-release.js v1.2.3`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const read = file => readFileSync(join(root, file), 'utf8')
const [tag = ''] = process.argv.slice(2)
const version = tag.replace(/^v/, '')

const faults = ['package.json', 'client/package.json']
  .map(file => [file, JSON.parse(read(file)).version])
  .filter(([, found]) => found !== version)
  .map(([file, found]) => `${file} has the version ${found}. Set it to ${version}.`)
if (!read('CHANGELOG.md').includes(`\n## [${version}]`)) {
  faults.push(`CHANGELOG.md has no section [${version}]. Move the entries of [Unreleased] to it.`)
}

for (const fault of faults) process.stderr.write(`${fault}\n`)
process.exitCode = faults.length > 0 ? 1 : 0
