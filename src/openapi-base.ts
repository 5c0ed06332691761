/** What the OpenAPI document says beside the routes: title, servers, how to authenticate; and how routes say their errors. */
import { Type } from '@sinclair/typebox'
import { ERRORS, type ErrorCode } from './errors.ts'
import { version } from './package.ts'
import { refTo } from './schemas/index.ts'
import { Problem } from './schemas/problems.ts'

const DESCRIPTION = `Register, log in, read history; talk over the WebSocket at \`/ws/chat\`.

Every error is an RFC 9457 problem with a stable \`code\`. Log in, copy the \`access_token\`, press "Authorize" and paste it.`

/** The frame of the OpenAPI 3.1 document. */
export const openApiBase = (publicUrl?: string) => ({
  openapi: '3.1.0' as const,
  info: {
    title: 'fastify-chat',
    version,
    description: DESCRIPTION,
    license: { name: 'MIT', identifier: 'MIT' }
  },
  servers: [{ url: publicUrl ?? '/', description: 'This service' }],
  tags: [
    { name: 'auth', description: 'Register and log in' },
    { name: 'users', description: 'Who you are' },
    { name: 'chat', description: 'The messages of everyone’s room' },
    { name: 'rooms', description: 'Rooms and their logs' },
    { name: 'service', description: 'The service itself' }
  ],
  components: {
    securitySchemes: {
      bearerAuth: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'JWT', description: 'The access token.' }
    }
  }
})

/** Names a component by its schema's `$id`. */
export const schemaName = (schema: { $id?: unknown }, _uri: unknown, _fragment: string, at: number): string =>
  typeof schema.$id === 'string' ? schema.$id : `def-${at}`

/** The `security` of a route that wants an access token, and of one that wants none. */
export const SECURED = [{ bearerAuth: [] }]
export const PUBLIC: { [name: string]: string[] }[] = []

const advice = (codes: readonly ErrorCode[]): string =>
  codes.map(code => `\`${code}\`: ${ERRORS[code].title}. ${ERRORS[code].advice}`).join('\n\n')

/** A 200 or 201 of a route: JSON of one schema, with its example. */
export const answer = <T>(description: string, schema: T) => ({
  description,
  content: { 'application/json': { schema } }
})

/** The error answers of a route, by status, from the codes it may answer with, beside those of every route. */
export const problems = (...codes: ErrorCode[]) => {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of ['bad_request', ...codes, 'internal_error'] as const) {
    const { status } = ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, problemAnswer(group)]))
}

const problemAnswer = (codes: ErrorCode[]) => ({
  description: advice(codes),
  content: { 'application/problem+json': { schema: refTo(Problem) } }
})

/** An array of a component. */
export const listOf = <T extends Parameters<typeof refTo>[0]>(schema: T) => Type.Array(refTo(schema))
