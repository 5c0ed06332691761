/** Tests the chat's part of a host's OpenAPI document, and hosts with other schema libraries. */
import swagger from '@fastify/swagger'
import { Ajv } from 'ajv'
import type { FastifyInstance } from 'fastify'
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler
} from 'fastify-type-provider-zod'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ChatRejection, ERRORS, type ErrorCode } from '../../src/protocol/errors.ts'
import { type HostOptions, startHost } from '../support/start-host.ts'

const info = { title: 'Host', version: '1' }

/** Returns the error codes in the OpenAPI document of a host, keyed by operation id. */
const codesOf = async (options: HostOptions = {}) => {
  const { app } = await startHost({
    before: host => host.register(swagger, { openapi: { openapi: '3.1.0', info } }),
    ...options
  })
  // biome-ignore lint/suspicious/noExplicitAny: the document's type has both versions of OpenAPI in it.
  const { paths } = app.swagger() as any
  const operations = Object.values(paths).flatMap(item => Object.values(item as object))
  return new Map<string, ErrorCode[]>(
    operations.map(({ operationId, responses }) => [
      operationId,
      Object.values(responses as object).flatMap(one =>
        Object.keys(one.content?.['application/problem+json']?.examples ?? {})
      ) as ErrorCode[]
    ])
  )
}

test('adds its routes to the document of a host that uses zod', async () => {
  const { app, call } = await startHost({
    async before(host) {
      host.setValidatorCompiler(validatorCompiler)
      host.setSerializerCompiler(serializerCompiler)
      await host.register(swagger, {
        openapi: { openapi: '3.1.0', info },
        transform: jsonSchemaTransform,
        transformObject: jsonSchemaTransformObject
      })
      const schema = { body: z.object({ name: z.string().min(3) }), response: { 200: z.object({ hello: z.string() }) } }
      host.post('/host', { schema }, async request => ({ hello: (request.body as { name: string }).name }))
    }
  })
  // biome-ignore lint/suspicious/noExplicitAny: the document's type has both versions of OpenAPI in it.
  const { paths, components } = app.swagger() as any
  expect(paths['/host'].post.requestBody.content['application/json'].schema).toMatchObject({ type: 'object' })
  const me = paths['/support/api/users/me'].get.responses[200].content['application/json'].schema
  const name = me.$ref.replace('#/components/schemas/', '')
  expect(components.schemas[name]).toMatchObject({ properties: { username: { type: 'string' } } })
  expect(await call('POST', '/host', { body: { name: 'Ann' } })).toMatchObject({ status: 200, body: { hello: 'Ann' } })
  expect(await call('GET', '/support/api/users/me', { as: 'ann' })).toMatchObject({ body: { username: 'ann' } })
  const rooms = '/support/api/chat/rooms'
  expect(await call('POST', rooms, { as: 'ann', body: { room: 'r' } })).toMatchObject({ status: 201 })
  expect(await call('POST', rooms, { as: 'ann', body: {} })).toMatchObject({ status: 422 })
})

test('documents not_logged_in and no token errors if the host authenticates users', async () => {
  const codes = await codesOf()
  expect(codes.get('supportGetMe')).toEqual(expect.arrayContaining(['not_logged_in', 'unavailable', 'internal_error']))
  const listed = new Set([...codes.values()].flat())
  const elsewhere = ['missing_token', 'invalid_token', 'token_expired', 'invalid_credentials', 'username_taken']
  expect(elsewhere.filter(code => listed.has(code as ErrorCode))).toEqual([])
})

test('documents the errors of a host’s functions only if the host has these functions', async () => {
  const without = await codesOf()
  expect(without.get('supportPostMessage')).not.toContain('rejected')
  const codes = await codesOf({ authorize: () => true, beforeMessage: draft => draft })
  expect(codes.get('supportPostMessage')).toContain('rejected')
})

test('documents token errors if the chat in a host has its own accounts', async () => {
  const secretKey = 'test-secret-0123456789-abcdefghijklmnop'
  const codes = await codesOf({ authenticate: undefined, secretKey } as HostOptions)
  expect(codes.get('supportGetMe')).toEqual(expect.arrayContaining(['missing_token', 'invalid_token', 'token_expired']))
  expect(codes.get('supportLogin')).toContain('invalid_credentials')
  expect([...codes.values()].flat()).not.toContain('not_logged_in')
})

test('documents error codes with a schema that the host’s own codes match', async () => {
  const { app, call } = await startHost({
    before: host => host.register(swagger, { openapi: { openapi: '3.1.0', info } }),
    beforeMessage() {
      throw new ChatRejection('acme.no_links', 'No links here.')
    }
  })
  // biome-ignore lint/suspicious/noExplicitAny: the document's type has both versions of OpenAPI in it.
  const { schemas } = (app.swagger() as any).components
  const problem = Object.values<{ title?: string; properties?: Record<string, { description?: string }> }>(
    schemas
  ).find(({ properties }) => properties?.code && properties.instance)
  const { code } = problem?.properties ?? {}
  const isValid = new Ajv({ strict: false }).compile(code ?? {})
  const refused = await call('POST', '/support/api/chat/rooms/general/messages', { as: 'ann', body: { content: 'x' } })
  for (const one of [refused.body.code, 'http_402', ...Object.keys(ERRORS)])
    expect([one, isValid(one)]).toEqual([one, true])
  expect(isValid('No')).toBe(false)
  for (const one of Object.keys(ERRORS)) expect(code?.description).toContain(`\`${one}\``)
})

test('has the same operation ids in every chat that a process starts', async () => {
  const first = await codesOf({ pages: ['health'] })
  const second = await codesOf({ pages: ['health'] })
  expect([...second.keys()]).toEqual([...first.keys()])
  expect([...first.keys()]).toContain('supportGetLiveness')
})

test('works in a host with schemas of the same names, added before and after the chat', async () => {
  const add = (host: FastifyInstance, $id: string) =>
    host.addSchema({ $id, type: 'object', properties: { by: { type: 'string' } } })
  const { app, call } = await startHost({
    before(host) {
      add(host, 'ChatUser')
      host.get('/host', { schema: { response: { 200: { $ref: 'ChatUser#' } } } }, async () => ({ by: 'host', x: 1 }))
    },
    after: host => void add(host, 'ChatRoom')
  })
  expect((await call('GET', '/host')).body).toEqual({ by: 'host' })
  expect((await call('GET', '/support/api/users/me', { as: 'ann' })).body).toMatchObject({ username: 'ann' })
  const room = await call('GET', '/support/api/chat/rooms/general', { as: 'ann' })
  expect(room.body).toMatchObject({ room: 'general', seq: 0 })
  expect(Object.keys(app.getSchemas())).toEqual(['ChatUser', 'ChatRoom'])
})
