/**
 * Limits how often the password of an account can be guessed. An attempt is counted before the password is checked, so that many
 * attempts at once are not more than the limit. Unknown names are counted like known ones.
 */
import type { ChatDatabase } from '../../db/database.ts'
import type { ThrottleRule } from '../../db/repositories/login-throttles.ts'
import { networkOf } from '../../lib/client-address.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ClientInfo } from '../context.ts'
import type { LookupKeys } from '../lookup-keys.ts'

/** An attempt that was counted as a failure. */
export interface Attempt {
  /**
   * Reports that the password was right: ends the count of the name and network, and does not count for the name. After it, or
   * after `takeBack`, further calls have no effect.
   */
  succeed(): Promise<void>
  /** Takes the attempt back, because the password could not be checked. */
  takeBack(): Promise<void>
}

/**
 * Returns the result of the check of a password. Takes the attempt back if the check fails, for example because the service is busy,
 * so that only wrong passwords are counted.
 */
export const checkedIn = async <T>(attempt: Attempt | undefined, check: Promise<T>): Promise<T> => {
  try {
    return await check
  } catch (error) {
    // The error of the check is more important than that of the count.
    await attempt?.takeBack().catch(() => {})
    throw error
  }
}

/** The name that a client wants to log in with, and the client. */
export interface ThrottledLogin {
  readonly username: string
  readonly client: Pick<ClientInfo, 'address'>
}

export interface LoginThrottle {
  /**
   * Counts an attempt to log in with a name. Throws `rate_limited` if the next attempt must wait. The limit of the name does not
   * apply to a network from which the user logged in within 30 days.
   */
  admit(login: ThrottledLogin): Promise<Attempt>
  /** Ends the count of a name and network, because the user has proven their identity otherwise. */
  clear(login: ThrottledLogin): Promise<void>
}

export interface LoginThrottleOptions {
  readonly database: Pick<ChatDatabase, 'loginThrottles' | 'knownNetworks'>
  readonly lookupKeys: LookupKeys
}

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

type Limits = Omit<ThrottleRule, 'key'>

/** Attempts of a network for one name: five without a wait, then waits from one second to five minutes. */
const PER_NETWORK: Limits = {
  free: 5,
  firstWaitMs: SECOND_MS,
  maxWaitMs: 5 * MINUTE_MS,
  windowMs: HOUR_MS,
  isSliding: true
}
/** A subscriber with a /48 has 65,536 networks of /64. */
const PER_WIDE_NETWORK: Limits = { ...PER_NETWORK, free: 16 * PER_NETWORK.free }
/** Attempts for one name, from all networks together: 100 an hour, then one a minute. */
const PER_NAME: Limits = {
  free: 100,
  firstWaitMs: MINUTE_MS,
  maxWaitMs: MINUTE_MS,
  windowMs: HOUR_MS,
  isSliding: false
}

export const createLoginThrottle = ({ database, lookupKeys }: LoginThrottleOptions): LoginThrottle => {
  const { loginThrottles, knownNetworks } = database

  // A username may contain a newline, so it is the last part, and the first part is of no other kind of rule.
  const rule = async (limits: Limits, ...parts: readonly string[]): Promise<ThrottleRule> => ({
    ...limits,
    key: await lookupKeys.hash('names', parts.join('\n'))
  })

  /** Returns the rules of a client, one for IPv4 and two for IPv6. */
  const networkRules = (name: string, address: string): Promise<ThrottleRule[]> => {
    const [narrow, wide] = [networkOf(address), networkOf(address, 48)]
    const rules = [rule(PER_NETWORK, 'network', narrow, name)]
    if (wide !== narrow) rules.push(rule(PER_WIDE_NETWORK, 'network', wide, name))
    return Promise.all(rules)
  }

  return {
    async admit({ username, client: { address } }) {
      const name = lowerCase(username)
      const ofNetwork = await networkRules(name, address)
      const isKnown = await knownNetworks.isKnown(username, networkOf(address))
      const ofName = isKnown ? [] : [await rule(PER_NAME, 'name', name)]
      const waitMs = await loginThrottles.count([...ofNetwork, ...ofName])
      if (waitMs > 0) throw tooMany(waitMs)
      const [networks, names] = [keysOf(ofNetwork), keysOf(ofName)]
      let forgiven: Promise<void> | undefined
      return {
        succeed() {
          forgiven ??= loginThrottles.forgive(networks, names)
          return forgiven
        },
        takeBack() {
          forgiven ??= loginThrottles.forgive([], [...networks, ...names])
          return forgiven
        }
      }
    },
    async clear({ username, client: { address } }) {
      const rules = await networkRules(lowerCase(username), address)
      await loginThrottles.forgive(keysOf(rules), [])
    }
  }
}

const keysOf = (rules: readonly ThrottleRule[]): string[] => rules.map(({ key }) => key)

/** Returns a name as the database compares it: only the case of ASCII letters is ignored. */
const lowerCase = (username: string): string => username.replace(/[A-Z]+/g, letters => letters.toLowerCase())

const tooMany = (waitMs: number): ChatError => {
  const seconds = Math.ceil(waitMs / SECOND_MS)
  const unit = seconds === 1 ? 'second' : 'seconds'
  return new ChatError(
    'rate_limited',
    `Too many attempts to log in with this username. Try again in ${seconds} ${unit}.`,
    { retryAfterMs: waitMs }
  )
}
