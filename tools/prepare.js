// Builds dist/ if it is missing: after `npm install` from a Git address, which packs the repository, and in a fresh clone. An
// installation without development dependencies can't build, so nothing is done.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const canBuild = existsSync('node_modules/typescript') && existsSync('node_modules/vite')
if (!existsSync('dist') && canBuild) execFileSync(process.execPath, ['tools/build.js'], { stdio: 'inherit' })
