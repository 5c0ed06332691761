/**
 * Defines the steps of a shutdown, their order and their timeouts. A shutdown runs on a signal, on an uncaught error
 * (src/signals.ts) or when a host application closes. Plugins add actions to the steps, and each plugin closes what it has
 * opened.
 */
import type { FastifyInstance } from 'fastify'
import type { Log } from './lib/logging.ts'
import { withTimeout } from './lib/timeout.ts'

/**
 * The steps of a shutdown, in order. Steps of the phase `before` run before Fastify closes the server. Steps of the phase
 * `after` run when the server is closed. The step `exit` has no actions; its timeout limits the whole shutdown. Steps
 * with `isOfProcess` have no actions in a host application, which owns its server and its process.
 */
export const SHUTDOWN_STEPS = [
  // From now on, /health/ready responds with 503. New connections are refused, so that a proxy sends requests, including POST
  // requests, to another process. Requests on open connections are handled, and their connections are closed. The timeout
  // includes a second for a request that waits for a busy database.
  { name: 'stop listening', phase: 'before', timeoutMs: 1600, isOfProcess: true },
  // From now on, requests that still arrive get a 503, and frames are rejected.
  { name: 'refuse new work', phase: 'before', timeoutMs: 100 },
  // Waits until the accepted messages are committed. If the database cannot be reached, no message is lost, because clients send
  // unacknowledged messages again.
  { name: 'commit accepted messages', phase: 'before', timeoutMs: 2000 },
  // Stops periodic work, such as polling, the deletion of expired data, the sending of further mails, the removal of unused rooms
  // from memory, and the `heads` frames.
  { name: 'stop background work', phase: 'before', timeoutMs: 100 },
  // Sends each client a `reconnect` frame, whose `after_ms` is a random delay, and closes its WebSocket with 1012. Destroys sockets
  // whose client does not respond. Meanwhile, waits for mails that are being sent.
  { name: 'close WebSockets', phase: 'before', timeoutMs: 2000 },
  // Notifies other processes that this process no longer has users, and deletes its row in the table `processes`.
  { name: 'leave the bus', phase: 'before', timeoutMs: 1200 },
  // Reduces the response timeout of upgrades to 0.7 s. An upgrade that has no response by then gets a 503.
  { name: 'limit open upgrades', phase: 'before', timeoutMs: 100 },
  // Open requests have 0.7 s to complete. Then all sockets that are still open are destroyed.
  { name: 'end open requests', phase: 'before', timeoutMs: 700, isOfProcess: true },
  // Stops metrics, health checks, stalled-response checks, and the handling of WebSocket upgrades.
  { name: 'stop monitoring', phase: 'after', timeoutMs: 100 },
  // A database client that the host application passed in stays open. The timeout is long, because an embedded database may
  // need seconds to write its files.
  { name: 'close the database', phase: 'after', timeoutMs: 5000 },
  // The exit status is 0, or 1 after an uncaught error or a second signal. The process exits after this timeout, even if a step
  // is still running.
  { name: 'exit', phase: 'exit', timeoutMs: 9900, isOfProcess: true }
] as const satisfies readonly ShutdownStep[]

export interface ShutdownStep {
  readonly name: string
  readonly phase: 'before' | 'after' | 'exit'
  readonly timeoutMs: number
  readonly isOfProcess?: boolean
}

export type StepName = (typeof SHUTDOWN_STEPS)[number]['name']

/** An action of a step. `signal` is aborted when the step times out or one of its actions fails. */
export type ShutdownAction = (limits: { readonly timeoutMs: number; readonly signal: AbortSignal }) => unknown

export interface Shutdown {
  /** Whether the first step has begun. */
  readonly hasBegun: boolean
  /** Adds an action to a step. The actions of a step run concurrently. */
  add(step: StepName, action: ShutdownAction): void
  /**
   * Runs the steps of a phase in sequence. If a step fails or times out, logs a warning and runs the next step. Never rejects.
   */
  run(phase: ShutdownStep['phase']): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    chatShutdown: Shutdown
  }
}

export const createShutdown = (log: Pick<Log, 'warn'>): Shutdown => {
  const actions = new Map<StepName, ShutdownAction[]>()
  let hasBegun = false

  const runStep = async ({ name, timeoutMs }: (typeof SHUTDOWN_STEPS)[number]): Promise<void> => {
    const controller = new AbortController()
    const limits = { timeoutMs, signal: controller.signal }
    const work = (actions.get(name) ?? []).map(async action => action(limits))
    try {
      await withTimeout(timeoutMs, `the step "${name}"`, Promise.all(work))
    } catch (err) {
      log.warn({ err, step: name }, 'a step of the shutdown failed or timed out; continuing with the next one')
      controller.abort()
    }
  }

  return {
    get hasBegun() {
      return hasBegun
    },
    add: (step, action) => void actions.set(step, [...(actions.get(step) ?? []), action]),
    async run(phase) {
      hasBegun = true
      for (const step of SHUTDOWN_STEPS) if (step.phase === phase) await runStep(step)
    }
  }
}

/** Returns the shutdown of an instance and its plugins. The first call creates the shutdown and adds its hooks. */
export const shutdownOf = (fastify: FastifyInstance): Shutdown => {
  if (fastify.hasDecorator('chatShutdown')) return fastify.chatShutdown
  const shutdown = createShutdown(fastify.log)
  fastify.decorate('chatShutdown', shutdown)
  fastify.addHook('preClose', () => shutdown.run('before'))
  fastify.addHook('onClose', () => shutdown.run('after'))
  return shutdown
}

/** Time in milliseconds after which the process exits, even if a step is still running. */
export const EXIT_MS = SHUTDOWN_STEPS.find(({ name }) => name === 'exit')?.timeoutMs ?? 0
