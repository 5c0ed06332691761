/** Tests that the documents match the code, and that their links lead to files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveSettings } from '../src/config/resolve.ts'
import { environmentName, settingNames } from '../src/config/settings.ts'
import { envExample, settingsPage } from '../tools/settings.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from './support/settings.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

test.for([
  ['docs/settings.md', settingsPage],
  ['.env.example', envExample]
] as const)('%s is what `npm run docs:settings` writes', ([path, render]) => {
  expect(read(path)).toBe(render())
})

test('docs/settings.md and .env.example list every setting once', () => {
  const names = settingNames.map(environmentName).sort()
  const rows = [...settingsPage().matchAll(/^\| `([A-Z_]+)` \|/gm)]
  const lines = [...envExample().matchAll(/^(?:# )?([A-Z][A-Z_]+)=/gm)]
  expect(rows.map(([, name]) => name).sort()).toEqual(names)
  expect(lines.map(([, name]) => name).sort()).toEqual(names)
})

test('.env.example is a valid configuration after it is filled in, and causes an error about missing settings before', () => {
  const lines = [...read('.env.example').matchAll(/^([A-Z][A-Z_]+)=(.*)$/gm)]
  const byName = new Map(lines.map(([, name = '', value = '']) => [name, value]))
  const values = Object.fromEntries(settingNames.map(name => [name, byName.get(environmentName(name)) ?? '']))
  const filled = { ...values, databasePassword: 'p', secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY }
  expect(resolveSettings({ values: filled, mode: 'production', names: 'environment' }).warnings).toEqual([])
  expect(() => resolveSettings({ values, mode: 'production', names: 'environment' })).toThrow(/DATABASE_PASSWORD/)
})

test('the README names the settings that have no default and links the others', () => {
  const readme = read('README.md')
  for (const name of ['DATABASE_URL', 'SECRET_KEY', 'ENCRYPTION_KEY']) expect(readme).toContain(`\`${name}\``)
  expect(readme).toContain('(docs/settings.md)')
})

test('the README names the supported versions of Node and PostgreSQL', () => {
  const readme = read('README.md')
  const { engines } = JSON.parse(read('package.json'))
  expect(readme).toContain(`Node.js](https://nodejs.org) ${engines.node.replace('>=', '')} or later`)
  const [, tested = ''] = /^ +postgres: \[(.*)\]$/m.exec(read('.github/workflows/ci.yml')) ?? []
  const versions = tested.split(', ')
  const range = `${versions[0]} to ${versions.at(-1)}`
  expect(readme).toContain(`**PostgreSQL** ${range}`)
  expect(read('docs/operations.md')).toContain(`PostgreSQL (${range})`)
})

const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.md'))
  .map(name => `docs/${name}`)

interface Link {
  readonly file: string
  readonly anchor: string | undefined
}

/** Returns the links of a page to files and headings. */
const linksIn = (page: string): Link[] =>
  [...read(page).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(([, target = '', anchor]) => ({
    file: target === '' ? page : join(dirname(page), target),
    anchor
  }))

/** Returns the files that a page links to. */
const filesLinkedFrom = (page: string): string[] => [...new Set(linksIn(page).map(({ file }) => file))]

/** Returns the anchors of a page: those that GitHub creates from headings, and those in its HTML. */
const targetsOf = (page: string): Set<string> => {
  const text = read(page).replace(/^```.*?^```/gms, '')
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
  )
  const repeated = headings.map((slug, at) => {
    const earlier = headings.slice(0, at).filter(other => other === slug).length
    return earlier === 0 ? slug : `${slug}-${earlier}`
  })
  return new Set([...repeated, ...[...text.matchAll(/<a id="([^"]+)"/g)].map(([, id = '']) => id)])
}

test('every link in the documents leads to a file, and to a heading of it', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'SECURITY.md',
    'client/README.md',
    'drizzle/README.md',
    ...pages
  ]
  const links = documents.flatMap(page => linksIn(page).map(link => ({ page, ...link })))
  expect(links.length).toBeGreaterThan(100)
  const targets = new Map<string, Set<string>>()
  const isBroken = ({ file, anchor }: Link): boolean => {
    if (!existsSync(join(root, file))) return true
    if (anchor === undefined || !file.endsWith('.md')) return false
    if (!targets.has(file)) targets.set(file, targetsOf(file))
    return targets.get(file)?.has(anchor) !== true
  }
  expect(links.filter(isBroken)).toEqual([])
})

test('every page is at most two clicks from the README', () => {
  const near = filesLinkedFrom('README.md')
  const reached = new Set([...near, ...near.filter(target => target.endsWith('.md')).flatMap(filesLinkedFrom)])
  // Skips all pages of the API reference except the index, because the index links to them.
  const wanted = pages.filter(page => !page.startsWith('docs/api/') || page === 'docs/api/README.md')
  expect(wanted.filter(page => !reached.has(page) && !page.startsWith('docs/adr/0'))).toEqual([])
  expect(filesLinkedFrom('docs/adr/README.md')).toEqual(
    expect.arrayContaining(pages.filter(page => page.startsWith('docs/adr/0')))
  )
})

test('every file that a comment or a document names exists', () => {
  const mentioned = ['src', 'client', 'plugins', 'routes', 'drizzle', 'docs', 'tests'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      // Skips the generated reference, because its paths are relative to the folder of the reference. Skips migrations, because
      // they never change after they are applied.
      .filter(name => /\.(ts|md)$/.test(name) && !/node_modules|^api\//.test(name))
      .flatMap(name => [
        ...read(join(folder, name)).matchAll(
          /(?<![\w/])(?:src|docs|drizzle|plugins|routes|tests)\/[\w./-]+\.(?:tsx?|md|sql|json)/g
        )
      ])
      .map(([path]) => path)
  )
  expect(mentioned.length).toBeGreaterThan(20)
  expect([...new Set(mentioned)].filter(path => !existsSync(join(root, path)))).toEqual([])
})
