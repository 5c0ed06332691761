/**
 * Limits how often the password of an account can be guessed. Each attempt is counted before the password is checked, so that
 * concurrent attempts cannot exceed the limit. Unknown names are counted in the same way as known names.
 */
import type { ChatDatabase } from '../../db/database.ts'
import type { ThrottleRule } from '../../db/repositories/login-throttles.ts'
import { networkOf } from '../../lib/client-address.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ClientInfo } from '../context.ts'
import type { LookupKeys } from '../lookup-keys.ts'

/** An attempt. It counts as a failure unless `succeed` or `takeBack` is called. */
export interface Attempt {
  /**
   * Reports that the password was right. Resets the counts of the client's networks for this name. Subtracts this attempt from
   * the count of the name (see `PER_NAME`). After a call of `succeed` or `takeBack`, further calls of either have no effect.
   */
  succeed(): Promise<void>
  /** Removes the attempt from all counts, because the password could not be checked. */
  takeBack(): Promise<void>
}

/**
 * Awaits the check of a password and returns its result. If the check fails, for example because the service is busy, takes the
 * attempt back, so that only wrong passwords are counted.
 */
export const checkedIn = async <T>(attempt: Attempt | undefined, check: Promise<T>): Promise<T> => {
  try {
    return await check
  } catch (error) {
    // Throws the error of the check even if `takeBack` also fails.
    await attempt?.takeBack().catch(() => {})
    throw error
  }
}

/** The name and the client of a login. */
export interface ThrottledLogin {
  readonly username: string
  readonly client: Pick<ClientInfo, 'address'>
}

export interface LoginThrottle {
  /**
   * Counts an attempt to log in with a name. Throws `rate_limited` if the client must wait before the next attempt. The limit
   * per name does not apply to a network from which the user logged in within the last 30 days.
   */
  admit(login: ThrottledLogin): Promise<Attempt>
  /**
   * Forgets the failed logins from the client's networks with this name. Called when the user has proven their identity without a
   * password.
   */
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

/**
 * Limits the attempts of one network for one name. Five attempts need no wait. After that, the wait grows from one second to
 * five minutes.
 */
const PER_NETWORK: Limits = {
  free: 5,
  firstWaitMs: SECOND_MS,
  maxWaitMs: 5 * MINUTE_MS,
  windowMs: HOUR_MS,
  isSliding: true
}
/** Limits the attempts of one IPv6 /48 network for one name, because a client with a /48 could use 65,536 networks of /64. */
const PER_WIDE_NETWORK: Limits = { ...PER_NETWORK, free: 16 * PER_NETWORK.free }
/** Limits the attempts for one name from all networks together: 100 per hour, and then one per minute. */
const PER_NAME: Limits = {
  free: 100,
  firstWaitMs: MINUTE_MS,
  maxWaitMs: MINUTE_MS,
  windowMs: HOUR_MS,
  isSliding: false
}

export const createLoginThrottle = ({ database, lookupKeys }: LoginThrottleOptions): LoginThrottle => {
  const { loginThrottles, knownNetworks } = database

  // Newlines separate the parts. The first part is the kind of the rule. The name must be the last part, because a username may
  // contain newlines. In any other place, a newline of the name could be mistaken for a separator.
  const rule = async (limits: Limits, ...parts: readonly string[]): Promise<ThrottleRule> => ({
    ...limits,
    key: await lookupKeys.hash('names', parts.join('\n'))
  })

  /** Returns the rules for a client: one for an IPv4 address, two for an IPv6 address. */
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

/** Returns a name in the form in which the database compares it. Only the case of ASCII letters is ignored. */
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
