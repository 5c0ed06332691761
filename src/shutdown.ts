/**
 * What happens on SIGTERM, or when a host application closes: every step in order, with its time limit. Only the order and the
 * limits are here; each plugin adds what it does in a step, and closes what it has opened.
 */
import type { FastifyInstance } from 'fastify'
import type { Log } from './lib/logging.ts'
import { withTimeout } from './lib/timeout.ts'

/**
 * The steps. `before` ones run while the server still accepts connections, `after` ones when it is closed. Steps of the
 * `process` don't happen in a host application: its server, its requests and its process are its own.
 */
export const SHUTDOWN_STEPS = [
  // /health/ready returns 503, requests get 503, frames are refused.
  { name: 'refuse new work', phase: 'before', timeoutMs: 100 },
  // Senders repeat what was not acknowledged, so an unreachable database loses nothing.
  { name: 'commit accepted messages', phase: 'before', timeoutMs: 2500 },
  // Polling, sweeping, heads of rooms.
  { name: 'stop background work', phase: 'before', timeoutMs: 100 },
  // `reconnect` with a random delay, then 1012. Sockets whose client doesn't respond are dropped.
  { name: 'close WebSockets', phase: 'before', timeoutMs: 2000 },
  // Other processes learn that nobody is present here.
  { name: 'leave the bus', phase: 'before', timeoutMs: 1500 },
  // An upgrade that still waits for a hook gets a 503 in 0.7 s.
  { name: 'limit open upgrades', phase: 'before', timeoutMs: 100 },
  // The server stops listening. Sockets that are still open when the time is over are dropped.
  { name: 'end open requests', phase: 'before', timeoutMs: 700, isOfProcess: true },
  // Health checks, the watch for stalled responses, the ownership of upgrades.
  { name: 'stop monitoring', phase: 'after', timeoutMs: 100 },
  // A client that the host application passed in stays open.
  { name: 'close the database', phase: 'after', timeoutMs: 2300 },
  // Status 0; 1 after a fault or on a second signal. If the steps take longer than this in all, the process exits anyway.
  { name: 'exit', phase: 'exit', timeoutMs: 9500, isOfProcess: true }
] as const satisfies readonly ShutdownStep[]

export interface ShutdownStep {
  readonly name: string
  readonly phase: 'before' | 'after' | 'exit'
  readonly timeoutMs: number
  readonly isOfProcess?: boolean
}

export type StepName = (typeof SHUTDOWN_STEPS)[number]['name']

/** Does a part of a step; `signal` is aborted when the step's time is over. */
export type ShutdownAction = (limits: { readonly timeoutMs: number; readonly signal: AbortSignal }) => unknown

export interface Shutdown {
  /** Adds what is done in a step, beside what others do there. */
  add(step: StepName, action: ShutdownAction): void
  /** Runs the steps of a phase, one after another. Never rejects: a step that fails or takes too long is logged, and the next begins. */
  run(phase: ShutdownStep['phase']): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    chatShutdown: Shutdown
  }
}

export const createShutdown = (log: Pick<Log, 'warn'>): Shutdown => {
  const actions = new Map<StepName, ShutdownAction[]>()

  const runStep = async ({ name, timeoutMs }: (typeof SHUTDOWN_STEPS)[number]): Promise<void> => {
    const controller = new AbortController()
    const limits = { timeoutMs, signal: controller.signal }
    const work = (actions.get(name) ?? []).map(async action => action(limits))
    try {
      await withTimeout(timeoutMs, `the step "${name}"`, Promise.all(work))
    } catch (err) {
      log.warn({ err, step: name }, 'a step of the shutdown failed or took too long; the next one begins')
      controller.abort()
    }
  }

  return {
    add: (step, action) => void actions.set(step, [...(actions.get(step) ?? []), action]),
    async run(phase) {
      for (const step of SHUTDOWN_STEPS) if (step.phase === phase) await runStep(step)
    }
  }
}

/** Returns the shutdown of an instance and the plugins on it; the first call creates it and adds its hooks. */
export const shutdownOf = (fastify: FastifyInstance): Shutdown => {
  if (fastify.hasDecorator('chatShutdown')) return fastify.chatShutdown
  const shutdown = createShutdown(fastify.log)
  fastify.decorate('chatShutdown', shutdown)
  fastify.addHook('preClose', () => shutdown.run('before'))
  fastify.addHook('onClose', () => shutdown.run('after'))
  return shutdown
}

/** The time after which a process exits, whatever still runs. */
export const EXIT_MS = SHUTDOWN_STEPS.find(({ name }) => name === 'exit')?.timeoutMs ?? 0
