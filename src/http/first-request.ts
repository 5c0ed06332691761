import type { onRequestHookHandler } from 'fastify'

/**
 * Returns an `onRequest` hook that runs `work` before each request is handled, until `work` has succeeded once. If `work`
 * fails, the request fails with the same error.
 */
export const waitOnce = (work: () => Promise<void>): onRequestHookHandler => {
  let isDone = false
  return (_request, _reply, done) => {
    if (isDone) return done()
    work().then(() => {
      isDone = true
      done()
    }, done)
  }
}
