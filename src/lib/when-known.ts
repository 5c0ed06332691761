/** Calls `next` with a value, synchronously, or with the result of a promise when the promise has resolved. */
export const whenKnown = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
