/** Queues values for `for await` loops, so that a loop may read more slowly than values arrive. */

interface Queue<Value> extends AsyncIterableIterator<Value> {
  push(value: Value): void
  /** Replaces each queued value with the result of `change`. */
  replace(change: (value: Value) => Value): void
  /** Removes the queued values. */
  clear(): void
  /** Ends the loop after it has received the queued values. */
  end(): void
}

/** Creates a queue. `onEnd` is called once, when the producer or the loop ends the queue. */
const createQueue = <Value>(onEnd: (queue: Queue<Value>) => void): Queue<Value> => {
  let values: Value[] = []
  let waiting: ((result: IteratorResult<Value>) => void)[] = []
  let isEnded = false
  const done: IteratorResult<Value> = { value: undefined, done: true }
  const queue: Queue<Value> = {
    push(value) {
      if (isEnded) return
      const first = waiting.shift()
      if (first) first({ value, done: false })
      else values.push(value)
    },
    replace(change) {
      values = values.map(change)
    },
    clear() {
      values = []
    },
    end() {
      if (isEnded) return
      isEnded = true
      for (const resolve of waiting) resolve(done)
      waiting = []
      onEnd(queue)
    },
    next() {
      if (values.length > 0) return Promise.resolve({ value: values.shift() as Value, done: false })
      return isEnded ? Promise.resolve(done) : new Promise(resolve => waiting.push(resolve))
    },
    return() {
      values = []
      queue.end()
      return Promise.resolve(done)
    },
    [Symbol.asyncIterator]: () => queue
  }
  return queue
}

/** Distributes each value to all open loops. */
export interface Queues<Value> {
  open(): AsyncIterableIterator<Value>
  push(value: Value): void
  /** Replaces each value that a loop has not read yet with the result of `change`. */
  replace(change: (value: Value) => Value): void
  /** Removes the values that the loops have not read yet. */
  clear(): void
  /** Ends all open loops. */
  end(): void
}

export const createQueues = <Value>(): Queues<Value> => {
  const queues = new Set<Queue<Value>>()
  return {
    open() {
      const queue = createQueue<Value>(one => queues.delete(one))
      queues.add(queue)
      return queue
    },
    push(value) {
      for (const queue of queues) queue.push(value)
    },
    replace(change) {
      for (const queue of queues) queue.replace(change)
    },
    clear() {
      for (const queue of queues) queue.clear()
    },
    end() {
      for (const queue of [...queues]) queue.end()
    }
  }
}
