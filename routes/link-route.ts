/** Defines the shared options of two kinds of public routes: those that request a mailed link, and those that accept one. */
import { perMinute } from '../plugins/platform.ts'
import { PUBLIC } from '../src/protocol/openapi.ts'
import { type AuthRoutesOptions, BODY_LIMIT } from './auth.ts'

export type LinkRoutesOptions = Pick<AuthRoutesOptions, 'loginRateLimit'>

/** The fields that the schemas of all routes for mailed links share. */
export const LINK_SCHEMA = { tags: ['auth'], security: PUBLIC }

/** Returns the options of a route with the rate limits of a login. Routes with the same `group` share one count. */
export const linkRoute = ({ loginRateLimit }: LinkRoutesOptions, group: string) => ({
  method: 'POST' as const,
  bodyLimit: BODY_LIMIT,
  config: perMinute(loginRateLimit, group)
})
