// Creates client/dist, the code of the package `fastify-chat-client`: its modules as they are, so that bundlers can drop what an
// app doesn't use.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
rmSync(join(root, 'client/dist'), { recursive: true, force: true })
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, 'client')], { stdio: 'inherit' })
