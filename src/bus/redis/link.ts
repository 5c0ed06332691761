/** Connects to Redis with ioredis, an optional peer dependency that is loaded only if REDIS_URL is set. */
import type { Redis, RedisOptions } from 'ioredis'
import { optionsOf, type RedisSettings } from './options.ts'
import { handleStreamErrors } from './stream-errors.ts'

export interface LinkHandlers {
  readonly onMessage: (message: string) => void
  /** Called when both the publishing and the subscribed connection work. */
  readonly onUp: () => void
  /** Called when a connection is lost. */
  readonly onDown: () => void
  /** Called with the error of each failed attempt to connect or to subscribe. The error contains no password. */
  readonly onError: (error: unknown) => void
}

/** The connections of one process: one publishes, the other one is subscribed. */
export interface RedisLink {
  readonly isUp: boolean
  /** How often both connections worked again after one of them was lost or replaced. */
  readonly reconnects: number
  /** Connects, and reconnects with growing delays after each failure, until `close`. */
  open(channel: string, handlers: LinkHandlers): void
  /** Publishes a message. Rejects if Redis does not confirm the message within 250 ms. */
  publish(channel: string, message: string): Promise<unknown>
  /** Replaces the connections that are open, for example because they lead to a server that does not respond. */
  replace(): void
  close(): void
}

/** Creates the connections, which are opened later. Rejects if ioredis is not installed. */
export const loadRedisLink = async (
  settings: RedisSettings,
  load: () => Promise<unknown> = () => import('ioredis')
): Promise<RedisLink> => createRedisLink(await loadLibrary(load), optionsOf(settings))

type Library = { readonly Redis: new (options: RedisOptions) => Redis }

const loadLibrary = async (load: () => Promise<unknown>): Promise<Library> => {
  try {
    return (await load()) as Library
  } catch (cause) {
    throw new Error('REDIS_URL is set, but ioredis is not installed. Run `npm install ioredis`.', { cause })
  }
}

const createRedisLink = ({ Redis }: Library, options: RedisOptions): RedisLink => {
  const publisher = new Redis(options)
  const subscriber = new Redis(options)
  for (const redis of [publisher, subscriber]) handleStreamErrors(redis)
  let isSubscribed = false
  let isPublishing = false
  let isUp = false
  let starts = 0
  let isClosed = false

  /** Opens a connection again. A connection that is being opened is kept, because ioredis would give it up. */
  const reopen = (redis: Redis): void => {
    if (!isClosed && redis.status !== 'connecting') redis.disconnect(true)
  }
  const replace = (): void => {
    isUp = isSubscribed = isPublishing = false
    for (const redis of [publisher, subscriber]) reopen(redis)
  }

  return {
    get isUp() {
      return isUp
    },
    get reconnects() {
      return Math.max(0, starts - 1)
    },
    open(channel, { onMessage, onUp, onDown, onError }) {
      const check = (): void => {
        if (isUp || !isSubscribed || !isPublishing) return
        isUp = true
        starts++
        onUp()
      }
      const subscribe = async (): Promise<void> => {
        try {
          await subscriber.subscribe(channel)
          isSubscribed = true
          check()
        } catch (error) {
          onError(error)
          reopen(subscriber)
        }
      }
      subscriber.on('message', (_, message) => onMessage(message))
      subscriber.on('ready', () => void subscribe())
      publisher.on('ready', () => {
        isPublishing = true
        check()
      })
      for (const redis of [publisher, subscriber]) {
        redis.on('error', onError)
        redis.on('close', () => {
          if (redis === subscriber) isSubscribed = false
          else isPublishing = false
          isUp = false
          if (!isClosed) onDown()
        })
        // Ignores the rejection, because ioredis also emits the error as the event `error`.
        redis.connect().catch(() => {})
      }
    },
    publish: (channel, message) => publisher.publish(channel, message),
    replace,
    close() {
      isClosed = true
      isUp = false
      for (const redis of [publisher, subscriber]) redis.disconnect()
    }
  }
}
