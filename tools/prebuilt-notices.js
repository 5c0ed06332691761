// Generates tools/notices/: the license texts of the packages in the prebuilt bundles of Swagger UI and Redoc. The source maps
// of the bundles list these packages. Run `npm run notices` after an update of Swagger UI or Redoc. The program installs both,
// with their dependencies, into a temporary folder.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LINE, noticesOf, packagesOf } from './notices.js'
import { PREBUILT } from './prebuilt.js'

const SOURCE = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//

for (const { name, version, map, packages, file } of PREBUILT) {
  const folder = mkdtempSync(join(tmpdir(), 'chat-notices-'))
  try {
    writeFileSync(join(folder, 'package.json'), '{"private":true}')
    const install = (...names) =>
      execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', ...names], {
        cwd: folder
      })
    install(...packages)
    const modules = join(folder, 'node_modules')
    const { sources } = JSON.parse(readFileSync(join(modules, map), 'utf8'))
    const contained = [...new Set(sources.map(source => SOURCE.exec(source)?.[1]).filter(Boolean))]
    // A bundle also contains peer dependencies and polyfills of Node's modules, which npm has not installed yet.
    install(...contained.filter(one => !existsSync(join(modules, one))))
    const folders = packagesOf([name, ...contained].map(one => join(modules, one, 'index.js')))
    writeFileSync(file, `${name} ${version}\n\n${noticesOf(folders).join(LINE)}\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
