/**
 * Runs two processes of the service on one database, on ports that do not change. Each can be restarted, and the notifications
 * between them can be lost.
 */
import type { Bus } from '../../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../../src/bus/drivers/memory.ts'
import type { ChatDatabase } from '../../../src/db/database.ts'
import { type RunningChat, startChat } from '../../support/start-chat.ts'
import { fastClock } from '../compressed-time.ts'
import { count } from './counts.ts'

export interface Services {
  readonly count: number
  readonly database: ChatDatabase
  port(process: number): number
  url(process: number): string
  /** Stops a process gracefully, and starts it again. Concurrent calls run one after the other. */
  restart(process: number): Promise<void>
  /** Loses all notifications between the processes while `work` runs. */
  withoutNotifications(work: () => Promise<void>): Promise<void>
  /** Returns how often a request failed (status 500 or more), by the error that was logged. */
  failures(): Record<string, number>
}

interface LogLine {
  readonly msg?: string
  readonly err?: { readonly type?: string; readonly message?: string }
}

const failuresIn = (log: string): string[] =>
  log
    .split('\n')
    .filter(line => line.includes('the request failed'))
    .map(line => (JSON.parse(line) as LogLine).err)
    .map(err => `${err?.type}: ${err?.message?.slice(0, 300)}`)

const PROCESSES = 2
/** On the fast clock, these tokens expire within seconds of real time, and fast senders reach this rate limit. */
const SETTINGS = { accessTokenExpireMinutes: 2, messageRateLimit: 1, readRateLimit: 0 }

export const startServices = async (): Promise<Services> => {
  const network = createMemoryNetwork()
  let losing = 0
  const lossyBus = (): Bus => {
    const bus = createMemoryBus(network)
    return {
      ...bus,
      announce: (roomId, seq) => losing === 0 && bus.announce(roomId, seq),
      publish: event => losing > 0 || bus.publish(event)
    }
  }
  const start = (database?: ChatDatabase, port = 0): Promise<RunningChat> =>
    startChat({
      clock: fastClock,
      settings: SETTINGS,
      joinsPosters: true,
      bus: lossyBus(),
      port,
      ...(database ? { database } : {})
    })
  const first = await start()
  const running = [first]
  for (let at = 1; at < PROCESSES; at++) running.push(await start(first.database))
  const portOf = ({ url }: RunningChat): number => Number(new URL(url).port)
  const ports = running.map(portOf)
  const started = [...running]
  let restarted = Promise.resolve()

  return {
    count: PROCESSES,
    database: first.database,
    port: process => ports[process] as number,
    url: process => `http://127.0.0.1:${ports[process]}`,
    restart(process) {
      restarted = restarted.then(async () => {
        await running[process]?.server.close()
        const next = await start(first.database, ports[process])
        running[process] = next
        started.push(next)
      })
      return restarted
    },
    async withoutNotifications(work) {
      losing++
      await work()
      losing--
    },
    failures() {
      const found: Record<string, number> = {}
      for (const { log } of started) for (const failure of failuresIn(log())) count(found, failure)
      return found
    }
  }
}
