/** Emits typed events. An error in one listener doesn't affect the other listeners. */

export interface Emitter<Events> {
  on<Name extends keyof Events>(event: Name, listener: (value: Events[Name]) => void): () => void
  emit<Name extends keyof Events>(event: Name, value: Events[Name]): void
}

/**
 * Creates an emitter. If a listener throws, the other listeners still run, and the error is rethrown in a microtask, as an
 * uncaught error.
 */
export const createEmitter = <Events>(): Emitter<Events> => {
  const listeners = new Map<keyof Events, Set<(value: never) => void>>()
  return {
    on(event, listener) {
      const all = listeners.get(event) ?? new Set()
      listeners.set(event, all.add(listener))
      return () => all.delete(listener)
    },
    emit(event, value) {
      for (const listener of [...(listeners.get(event) ?? [])]) {
        try {
          listener(value as never)
        } catch (error) {
          queueMicrotask(() => {
            throw error
          })
        }
      }
    }
  }
}
