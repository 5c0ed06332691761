// Runs the built service for the hostile suite, and answers the run's question about memory after a garbage collection.
import { readEnvironment } from '../../dist/plugins/config.js'
import { startServer } from '../../dist/src/server.js'

// What clients may take is shorter, so that the run needn't wait for it.
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
