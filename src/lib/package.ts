/** What this package knows of itself: its version, and where its files lie, from source and from the build alike. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// The package resolves its own name through `exports`, so the same line is right in src/ and in dist/src/.
const require = createRequire(import.meta.url)
const manifest = require.resolve('fastify-chat/package.json')

/** The version in package.json. */
export const version: string = require(manifest).version

/** The absolute path of a file of this package, e.g. `packageFile('drizzle')`. */
export const packageFile = (...parts: string[]): string => join(dirname(manifest), ...parts)
