// Runs the built service for the hostile suite, and reports its memory after a garbage collection on request.
import { readEnvironment } from '../../dist/plugins/config.js'
import { startServer } from '../../dist/src/server.js'

// Shorter timeouts for clients, so that the run doesn't have to wait for the default ones.
const timeouts = { requestMs: 5000, keepAliveMs: 5000, responseStallMs: 5000 }
await startServer({ ...readEnvironment({ mode: 'production' }), timeouts })
process.on('message', () => {
  global.gc()
  // A second collection frees what finalizers of the first one released.
  setImmediate(() => {
    global.gc()
    process.send(process.memoryUsage())
  })
})
process.send('ready')
