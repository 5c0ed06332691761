// Builds dist/ if it is missing: in a fresh clone, and during `npm install` from a Git URL, which packs the repository. Does
// nothing if the development dependencies are not installed, because the build needs them.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const canBuild = existsSync('node_modules/typescript') && existsSync('node_modules/vite')
if (!existsSync('dist') && canBuild) execFileSync(process.execPath, ['tools/build.js'], { stdio: 'inherit' })
