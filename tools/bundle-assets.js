// Copies into the build what is served to browsers but must not be installed by users: Redoc's one-file bundle.
import { copyFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'

const redoc = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js')
mkdirSync('dist/assets', { recursive: true })
copyFileSync(redoc, 'dist/assets/redoc.standalone.js')
