/**
 * Calls `next` with a value. If the value is a promise, calls `next` with the result of the promise when it has resolved. If the
 * value is not a promise, calls `next` synchronously.
 */
export const whenKnown = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
