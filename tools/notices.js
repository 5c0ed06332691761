// Collects the license texts of the packages whose code is in dist/.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const PACKAGE = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//
const TEXTS = /^(licen[cs]e|copying|notice)([.-]|$)/i

/** Returns the folders of the packages that the modules belong to. This project's own modules belong to none. */
export const packagesOf = modules => [
  ...new Set(
    modules
      .map(file => PACKAGE.exec(file.replace(/^\0/, '').replaceAll('\\', '/'))?.[1])
      .filter(folder => folder !== undefined && existsSync(join(folder, 'package.json')))
  )
]

// This project's license is MIT. Its text without the copyright line is the general MIT text.
const MIT = readFileSync(join(import.meta.dirname, '../LICENSE'), 'utf8').replace(/^Copyright.*\n\n/m, '')

/**
 * Returns the license texts of a package: its license files, a section of its README, or the MIT text if the package only
 * names MIT. Otherwise, the list is empty.
 */
const textsOf = (folder, license) => {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => entry.name)
  const read = name => readFileSync(join(folder, name), 'utf8').trim()
  const texts = names.filter(name => TEXTS.test(name)).map(read)
  if (texts.length > 0) return texts
  const readme = names.find(name => /^readme/i.test(name))
  const [section] = (readme && /^#*[ ]*(?:un)?licen[cs]e\b[\s\S]*/im.exec(read(readme))) || []
  if (section) return [section.slice(0, 3000).trim()]
  if (license !== 'MIT') return []
  return [`The package has no license file. Its package.json names the license MIT:\n\n${MIT.trim()}`]
}

/** Returns the notice of each package, sorted by name. Throws for a package that has no license text. */
export const noticesOf = folders => {
  const notices = folders.map(folder => {
    const { name, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const texts = textsOf(folder, license)
    if (texts.length === 0) throw new Error(`The bundled package ${name} has no license text in ${folder}.`)
    return [`${name}${typeof license === 'string' ? ` (${license})` : ''}`, ...texts].join('\n\n')
  })
  return [...new Set(notices)].sort()
}

/** Returns a CycloneDX component for each package, sorted by its package URL (github.com/package-url/purl-spec). */
export const componentsOf = folders => {
  const components = folders.map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    const licenses = typeof license === 'string' ? [{ license: { id: license } }] : []
    return { 'bom-ref': `${name}@${version}`, type: 'library', name, version, purl, licenses }
  })
  return [...new Map(components.map(one => [one.purl, one])).values()].sort((a, b) => (a.purl < b.purl ? -1 : 1))
}

export const LINE = `\n\n${'-'.repeat(80)}\n\n`
