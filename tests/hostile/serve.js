// Runs the built service for the hostile suite. On each message of the parent process, collects garbage and reports the memory.
import { readEnvironment } from '../../dist/src/config/environment.js'
import { startServer } from '../../dist/src/server.js'

// The timeouts for clients are shorter than the defaults, so that the run takes less time.
const timeouts = { requestMs: 5000, keepAliveMs: 5000, responseStallMs: 5000 }
await startServer({ ...readEnvironment({ mode: 'production' }), timeouts })
process.on('message', () => {
  global.gc()
  // The second collection frees the memory that finalizers released after the first collection.
  setImmediate(() => {
    global.gc()
    process.send(process.memoryUsage())
  })
})
process.send('ready')
