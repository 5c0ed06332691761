import type { onRequestHookHandler } from 'fastify'

/**
 * Returns an `onRequest` hook that waits for `work` until it has succeeded once. After that, it calls neither `work` nor awaits
 * anything.
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
