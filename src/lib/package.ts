/** Finds the package's version and files, from source and from the build alike. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// The package resolves its own name through `exports`, so the same line works in src/ and in dist/src/.
const require = createRequire(import.meta.url)
const manifest = require.resolve('fastify-chat/package.json')

/** Holds the version in package.json. */
export const version: string = require(manifest).version

/** Returns the absolute path of a file of this package, for example of `packageFile('drizzle')`. */
export const packageFile = (...parts: string[]): string => join(dirname(manifest), ...parts)
