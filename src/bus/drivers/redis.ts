/**
 * Implements the bus with Redis, and with PostgreSQL for everything that Redis cannot deliver. Every process always listens on
 * both. A process for which Redis fails asks all processes, over PostgreSQL, to send over both for a while. See docs/adr/0009.
 */
import type { KeyObject } from 'node:crypto'
import { systemClock } from '../../lib/clock.ts'
import type { Bus } from '../bus.ts'
import { readEnvelope } from '../envelope.ts'
import { createPacedBus, type PacingOptions } from '../paced.ts'
import { createFallback } from '../redis/fallback.ts'
import type { RedisLink } from '../redis/link.ts'
import { createPublisher } from '../redis/publisher.ts'
import { createSenders, type Via } from '../redis/senders.ts'
import { createSignature, type Signature } from '../redis/signature.ts'
import { createUnconfirmed } from '../redis/unconfirmed.ts'
import { createWanted } from '../redis/wanted.ts'
import type { Receiver, Transport } from '../transport.ts'
import { createPostgresTransport, type PostgresTransportOptions } from './postgres.ts'

export interface RedisTransportOptions extends PostgresTransportOptions {
  readonly link: RedisLink
  /** The keys of the HMAC. The first one signs, and all of them verify. */
  readonly keys: readonly KeyObject[]
  /** The first part of the channel. Instances with different prefixes can share a Redis server. */
  readonly prefix: string
  /**
   * Returns false while processes of an older release may still be running. Until it returns true, this process also sends over
   * PostgreSQL, because such processes neither use Redis nor send heartbeats.
   */
  readonly isUpgradeFinished: () => boolean
  /** Called with each error of Redis. */
  readonly onRedisFailure?: (error: unknown) => void
  /** Called when this process begins or ceases to fall back to PostgreSQL. */
  readonly onFallback?: (isFallingBack: boolean) => void
}

/** Creates the bus of one process. */
export const createRedisBus = (options: RedisTransportOptions & PacingOptions): Bus =>
  createPacedBus(createRedisTransport(options), options)

/** Interval in milliseconds at which this process publishes a heartbeat on Redis. */
const BEAT_MS = 2000
const CHECK_MS = 1000
/** Maximum age in milliseconds at which a message on Redis counts as recent. See `Senders.accept`. */
const FRESH_MS = 30_000

const createRedisTransport = ({
  link,
  keys,
  prefix,
  isUpgradeFinished,
  onRedisFailure = () => {},
  onFallback = () => {},
  clock = systemClock,
  ...options
}: RedisTransportOptions): Transport => {
  const postgres = createPostgresTransport({
    ...options,
    clock,
    heartbeat: () => ({ sent: publisher.sent, ...(fallback.isActive ? { want_postgres: true } : {}) })
  })
  const { processId } = postgres
  const ours = JSON.stringify({ from: processId }).slice(0, -1)
  const senders = createSenders(clock)
  const wanted = createWanted(clock)
  let redis: { readonly channel: string; readonly signature: Signature } | undefined
  let lastNumber = 0
  let dropped = 0
  let heartbeat = { n: 0, at: clock.monotonic() }
  let heardAt = clock.monotonic()
  let lagMs: number | undefined
  // True from the beginning of a fallback until the next reset. Notifications may have been lost before the fallback, so all
  // rooms must be checked. False at the start, because a reset follows the start in any case.
  let mustReset = false
  let stops: (() => void)[] = []

  const fallback = createFallback({
    clock,
    onChange(isActive) {
      onFallback(isActive)
      if (!isActive) return
      mustReset = true
      // Sends a heartbeat at once, with the request to use PostgreSQL too. Otherwise, the other processes would receive the
      // request only with the next regular heartbeat.
      postgres.beat()
    }
  })
  const failed = (error: unknown): void => {
    onRedisFailure(error)
    // Replaces the connections to Redis. If the server has stopped responding, these connections keep unsent bytes in memory.
    link.replace()
    fallback.failed()
  }
  const unconfirmed = createUnconfirmed({ send: postgres.send, onFailure: options.onFailure })
  const publisher = createPublisher({ link, onFailure: failed, onUnconfirmed: unconfirmed.add })
  const isUsingPostgres = (): boolean => fallback.isActive || wanted.isActive || !isUpgradeFinished()

  const publish = (payload: string, hasOther: boolean): string => {
    const n = ++lastNumber
    const numbered = `${ours},"n":${n}${payload.slice(ours.length)}`
    if (redis) publisher.publish({ n, payload: numbered }, redis.channel, redis.signature, hasOther)
    return numbered
  }
  const beat = (): void => {
    if (!link.isUp) return
    heartbeat = { n: lastNumber + 1, at: clock.monotonic() }
    publish(`${ours}}`, true)
  }
  const check = (): void => {
    const count = senders.overdue()
    fallback.missed(count)
    // Redis confirmed payloads that it did not deliver. One of the connections may lead to another server, or may be broken.
    if (count > 0) link.replace()
  }

  /** Returns whether a numbered payload has not arrived before. Counts the payloads that are replayed on Redis. */
  const isNew = (from: string, n: number, via: Via, isFresh: boolean): boolean => {
    const result = senders.accept(from, n, via, isFresh)
    if (result === 'replayed' && via === 'redis') dropped++
    return result === 'new'
  }
  const fromPostgres = (payload: string, receiver: Receiver): void => {
    const envelope = readEnvelope(payload)
    if (!envelope) return
    const { from, n, sent, want_postgres } = envelope
    if (sent !== undefined) senders.confirmed(from, sent)
    if (from === processId) {
      // This process has received its own request to send over PostgreSQL. Every other process has received the request too, or
      // receives it now, so no notification is lost from now on.
      if (want_postgres && mustReset) {
        mustReset = false
        receiver.reset()
      }
      return
    }
    wanted.notice(envelope)
    if (n === undefined || isNew(from, n, 'postgres', true)) receiver.receive(payload)
  }
  const fromRedis = (message: string, signature: Signature, receiver: Receiver): void => {
    const verified = signature.verify(message)
    const { from, n } = (verified && readEnvelope(verified.payload)) ?? {}
    if (!verified || from === undefined || n === undefined) {
      dropped++
      return
    }
    const isFresh = Math.abs(clock.now() - verified.at) < FRESH_MS
    if (!isNew(from, n, 'redis', isFresh)) return
    if (from !== processId) return receiver.receive(verified.payload)
    if (n !== heartbeat.n) return
    heardAt = clock.monotonic()
    lagMs = heardAt - heartbeat.at
    fallback.works(heartbeat.at)
  }

  return {
    processId,
    get isOpen() {
      return postgres.isOpen
    },
    ...(postgres.announcement ? { announcement: postgres.announcement } : {}),
    msSinceHeartbeat: postgres.msSinceHeartbeat,
    stats: () => [
      ...(postgres.stats?.() ?? []),
      {
        driver: 'redis',
        lagMs,
        silentMs: clock.monotonic() - heardAt,
        isFailing: fallback.isActive,
        reconnects: link.reconnects,
        failures: publisher.errors + publisher.dropped,
        dropped
      }
    ],
    async send(payloads) {
      const both = isUsingPostgres()
      const numbered = payloads.map(payload => publish(payload, both))
      if (both) await postgres.send(numbered)
    },
    async listen(receiver) {
      await postgres.listen({ receive: payload => fromPostgres(payload, receiver), reset: () => receiver.reset() })
      const channel = `${prefix}:${postgres.channel}`
      const signature = createSignature({ keys, channel, now: clock.now })
      redis = { channel, signature }
      link.open(channel, {
        onMessage: message => fromRedis(message, signature, receiver),
        onUp: beat,
        onDown: fallback.failed,
        onError: onRedisFailure
      })
      stops = [clock.every(BEAT_MS, beat), clock.every(CHECK_MS, check)]
    },
    drain() {
      for (const stop of stops) stop()
      postgres.drain()
    },
    async close() {
      await publisher.idle()
      await unconfirmed.idle()
      link.close()
      await postgres.close()
    }
  }
}
