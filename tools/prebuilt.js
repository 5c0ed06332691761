// Lists the prebuilt bundles in dist/assets, with the files of their license texts.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { resolve } = createRequire(import.meta.url)
const manifestOf = name => JSON.parse(readFileSync(resolve(`${name}/package.json`), 'utf8'))

const redoc = manifestOf('redoc').version
// @fastify/swagger-ui copies its files from this version of swagger-ui-dist.
const swaggerUi = manifestOf('@fastify/swagger-ui').devDependencies['swagger-ui-dist']

export const PREBUILT = [
  {
    name: 'swagger-ui',
    version: swaggerUi,
    packages: [`swagger-ui@${swaggerUi}`, `swagger-ui-dist@${swaggerUi}`],
    map: 'swagger-ui-dist/swagger-ui-bundle.js.map',
    file: join(import.meta.dirname, 'notices/swagger-ui.txt')
  },
  {
    name: 'redoc',
    version: redoc,
    packages: [`redoc@${redoc}`],
    map: 'redoc/bundles/redoc.standalone.js.map',
    file: join(import.meta.dirname, 'notices/redoc.txt')
  }
]

/** Returns the license notices of the prebuilt bundles. Throws if a notice file is for another version of its bundle. */
export const prebuiltNotices = () =>
  PREBUILT.map(({ name, version, file }) => {
    const text = readFileSync(file, 'utf8')
    if (text.startsWith(`${name} ${version}\n`)) return text.trim()
    throw new Error(`${file} is not for ${name} ${version}. Run \`npm run notices\`.`)
  })
