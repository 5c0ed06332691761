/** Defines the responses about the service itself: the start page and the health checks. */
import { type Static, Type } from '@sinclair/typebox'

/** Describes the response of `GET /`. */
export const Entrance = Type.Object(
  { message: Type.String(), version: Type.String(), endpoints: Type.Record(Type.String(), Type.String()) },
  { $id: 'ChatEntrance', examples: [{ message: 'fastify-chat', version: '0.1.0', endpoints: { docs: '/docs' } }] }
)
export type Entrance = Static<typeof Entrance>

/** Describes the response of `GET /health/live`, which shows only that the process runs. */
export const Liveness = Type.Object(
  { status: Type.Literal('healthy'), version: Type.String() },
  { $id: 'ChatLiveness', examples: [{ status: 'healthy', version: '0.1.0' }] }
)
export type Liveness = Static<typeof Liveness>

/** Describes the response of `GET /health` and `GET /health/ready`. */
export const Health = Type.Object(
  {
    status: Type.Union([Type.Literal('healthy'), Type.Literal('unhealthy')]),
    version: Type.String(),
    checks: Type.Record(Type.String(), Type.String(), {
      description: 'The result of each check: `ok`, or what is wrong.'
    })
  },
  { $id: 'ChatHealth', examples: [{ status: 'healthy', version: '0.1.0', checks: { database: 'ok' } }] }
)
export type Health = Static<typeof Health>
