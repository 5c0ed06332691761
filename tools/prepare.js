// Builds dist/ where it is missing: after `npm install` from a git address, which packs what is in the repository, and in a
// fresh clone. An installation without development dependencies has nothing to build with, and is left as it is.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const canBuild = existsSync('node_modules/typescript') && existsSync('node_modules/vite')
if (!existsSync('dist') && canBuild) execFileSync(process.execPath, ['tools/build.js'], { stdio: 'inherit' })
