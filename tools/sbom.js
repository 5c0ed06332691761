// Prints the bill of materials (CycloneDX 1.5) of the package in the working directory: its installed dependencies, as npm
// lists them, and the packages whose code the bundles in dist/ contain. Run `npm run build` before.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const installed = JSON.parse(
  execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], { encoding: 'utf8', maxBuffer: 2 ** 28 })
)
const bundled = JSON.parse(readFileSync('dist/bundled.json', 'utf8'))
const known = new Set(installed.components.map(({ purl }) => purl))
const added = bundled.filter(({ purl }) => !known.has(purl))
installed.components.push(...added)
installed.dependencies.push(...added.map(one => ({ ref: one['bom-ref'], dependsOn: [] })))
process.stdout.write(`${JSON.stringify(installed, null, 2)}\n`)
