/** Runs a host application on the walkthrough’s database, with a kind of entry that the service processes do not support. */
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import { createChat } from '../../src/index.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'

/** Appends an entry of the host's own kind to a room, and closes the host. Resolves with the `seq` of the entry. */
export const appendAsHost = async (databaseUrl: string, room: string): Promise<number> => {
  const app = Fastify()
  const chat = createChat({
    databaseUrl,
    encryptionKey: ENCRYPTION_KEY,
    authenticate: () => undefined,
    kinds: { 'acme.order': Type.Object({ order: Type.Integer() }) }
  })
  try {
    await app.register(chat.plugin)
    await app.ready()
    const as = { id: 'shop', name: 'Shop' }
    return (await chat.append({ room, as, kind: 'acme.order', data: { order: 1 } })).seq
  } finally {
    await app.close()
  }
}
