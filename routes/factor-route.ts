/**
 * Defines what the routes for second factors have in common: rate limits, the required proof of identity, and OpenAPI fields.
 */
import { limitReads } from '../plugins/chat.ts'
import { SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { limitChanges } from './limit-changes.ts'

const BODY_LIMIT = 16 * 1024

/** The errors that every route for second factors can return. */
export const FACTOR_PROBLEMS = [...TOKEN_PROBLEMS, 'rate_limited', 'busy'] as const

/** The fields that the schemas of all routes for second factors share. */
export const FACTOR_SCHEMA = { tags: ['auth'], security: SECURED }

/** Returns the options of a route that returns a challenge for a passkey. */
export const challengeRoute = () => ({ bodyLimit: BODY_LIMIT, preHandler: [limitReads(), limitChanges('challenges')] })

/** Returns the options of a route that changes second factors. Such a route requires a recent proof of identity. */
export const factorChangeRoute = () => ({
  bodyLimit: BODY_LIMIT,
  config: { chatProof: true },
  preHandler: [limitReads(), limitChanges('factors')]
})

/** Returns the options of a route that reads or accepts second factors. */
export const factorRoute = () => ({ bodyLimit: BODY_LIMIT, preHandler: limitReads() })
