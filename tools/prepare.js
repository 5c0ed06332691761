// Builds dist/ if it is missing: in a fresh clone, and during `npm install` from a Git address, which packs the repository. Does
// nothing in an installation without development dependencies, because it cannot build.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const canBuild = existsSync('node_modules/typescript') && existsSync('node_modules/vite')
if (!existsSync('dist') && canBuild) execFileSync(process.execPath, ['tools/build.js'], { stdio: 'inherit' })
