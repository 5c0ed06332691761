/** Calls `next` with a value, or with what a promise resolves to. Synchronous if the value is not a promise. */
export const whenKnown = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
