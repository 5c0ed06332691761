// Runs the built service for the hostile suite, and answers the run's question about memory after a garbage collection.
import { readEnvironment } from '../../dist/plugins/config.js'
import { startServer } from '../../dist/src/server.js'

// Unread responses are closed sooner, so that the run needn't wait for it.
await startServer({ ...readEnvironment({ mode: 'production' }), responseStallMs: 5000 })
process.on('message', () => {
  global.gc()
  // A second collection frees what finalizers of the first one released.
  setImmediate(() => {
    global.gc()
    process.send(process.memoryUsage.rss())
  })
})
process.send('ready')
