/** Creates promises that a test resolves. Replaces `Promise.withResolvers`, which Node 20 doesn't have. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>
  resolve(value: Value): void
}

export const createDeferred = <Value = void>(): Deferred<Value> => {
  let resolve: Deferred<Value>['resolve'] = () => {}
  const promise = new Promise<Value>(done => {
    resolve = done
  })
  return { promise, resolve: value => resolve(value) }
}
