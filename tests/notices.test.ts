/** Tests the license texts of bundled packages. dist/THIRD_PARTY_NOTICES contains these texts. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
// @ts-expect-error Build scripts are JavaScript.
import { noticesOf, packagesOf } from '../tools/notices.js'
// @ts-expect-error Build scripts are JavaScript.
import { prebuiltNotices } from '../tools/prebuilt.js'

const { resolve } = createRequire(import.meta.url)

const modulesFolder = (packages: Record<string, { manifest: object; files?: Record<string, string> }>): string => {
  const folder = join(mkdtempSync(join(tmpdir(), 'chat-notices-')), 'node_modules')
  onTestFinished(() => rmSync(dirname(folder), { recursive: true, force: true }))
  for (const [name, { manifest, files = {} }] of Object.entries(packages)) {
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, 'package.json'), JSON.stringify({ name, ...manifest }))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text)
  }
  return folder
}

test('a notice has the license and the notice file of each package once', () => {
  const folder = modulesFolder({
    '@scope/one': {
      manifest: { license: 'Apache-2.0' },
      files: { LICENSE: 'The license', 'NOTICE.txt': 'The notice' }
    },
    two: { manifest: { license: 'ISC' }, files: { 'readme.md': '# two\n\n## License\n\nISC, by two' } }
  })
  const modules = [
    join(folder, '@scope/one/a.js'),
    join(folder, '@scope/one/b.js'),
    join(folder, 'two/index.js'),
    '/src/own.js'
  ]
  const notices: string[] = noticesOf(packagesOf(modules))
  expect(notices).toHaveLength(2)
  expect(notices[0]).toBe('@scope/one (Apache-2.0)\n\nThe license\n\nThe notice')
  expect(notices[1]).toMatch(/^two \(ISC\)\n\n## License\n\nISC, by two$/)
})

test('a package without a license text fails the build', () => {
  const folder = modulesFolder({ bare: { manifest: { license: 'ISC' } } })
  expect(() => noticesOf([join(folder, 'bare')])).toThrow('The bundled package bare has no license text')
})

test('the notices of Swagger UI and Redoc match the installed versions (if this fails, run `npm run notices`)', () => {
  const texts: string[] = prebuiltNotices()
  expect(texts.map(text => /^\S+/.exec(text)?.[0])).toEqual(['swagger-ui', 'redoc'])
  const map = JSON.parse(readFileSync(`${resolve('redoc/bundles/redoc.standalone.js')}.map`, 'utf8'))
  const contained = new Set<string>(
    map.sources.flatMap((source: string) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? [])
  )
  expect(contained.size).toBeGreaterThan(30)
  const headings = new Set(texts[1]?.split('\n').map(line => line.replace(/ \(.*/, '')))
  expect([...contained].filter(name => !headings.has(name))).toEqual([])
})
