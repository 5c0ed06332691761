// The ready-made bundles that dist/assets contains, and where their license texts are.
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

/** Returns the texts of the ready-made bundles. Throws for one whose texts belong to another version. */
export const prebuiltNotices = () =>
  PREBUILT.map(({ name, version, file }) => {
    const text = readFileSync(file, 'utf8')
    if (text.startsWith(`${name} ${version}\n`)) return text.trim()
    throw new Error(`${file} is not of ${name} ${version}. Run \`npm run notices\`.`)
  })
