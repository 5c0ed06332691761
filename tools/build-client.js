// Compiles the package `fastify-chat-client` into client/dist. Its modules are not bundled, so that the bundler of an app can
// drop what the app doesn't use.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
rmSync(join(root, 'client/dist'), { recursive: true, force: true })
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, 'client')], { stdio: 'inherit' })
