/**
 * Calls `next` with a value. If the value is a promise, calls `next` with its result when it has resolved. If not, calls `next`
 * synchronously.
 */
export const whenKnown = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
