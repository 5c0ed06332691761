/** What the service says of itself: its entrance and its health. */
import { type Static, Type } from '@sinclair/typebox'

/** The answer of `GET /`. */
export const Entrance = Type.Object(
  { message: Type.String(), version: Type.String(), endpoints: Type.Record(Type.String(), Type.String()) },
  { $id: 'ChatEntrance', examples: [{ message: 'fastify-chat', version: '0.1.0', endpoints: { docs: '/docs' } }] }
)
export type Entrance = Static<typeof Entrance>

/** The answer of `GET /health/live`: of the process alone. */
export const Liveness = Type.Object(
  { status: Type.Literal('healthy'), version: Type.String() },
  { $id: 'ChatLiveness', examples: [{ status: 'healthy', version: '0.1.0' }] }
)
export type Liveness = Static<typeof Liveness>

/** The answer of `GET /health` and `GET /health/ready`. */
export const Health = Type.Object(
  {
    status: Type.Union([Type.Literal('healthy'), Type.Literal('unhealthy')]),
    version: Type.String(),
    checks: Type.Record(Type.String(), Type.String(), { description: 'What was looked at; `ok` is well.' })
  },
  { $id: 'ChatHealth', examples: [{ status: 'healthy', version: '0.1.0', checks: { database: 'ok' } }] }
)
export type Health = Static<typeof Health>
