/**
 * Appends entries of every kind except erasures and the kinds of host applications to `general`. Tests of former clients, which
 * know only messages, use these entries.
 */
import { expect } from 'vitest'
import { ROOMS, withRooms } from './rooms.ts'
import type { RunningChat } from './start-chat.ts'

const GENERAL = `${ROOMS}/general`

/**
 * Registers three users, and connects one of them. Returns a function that appends the entries, and resolves with the `seq` of
 * the messages among them.
 */
export const useEveryKind = async (chat: RunningChat): Promise<() => Promise<number[]>> => {
  const { as, promote } = withRooms(chat)
  const [ann, ben, cat] = [await chat.register('ann'), await chat.register('ben'), await chat.register('cat')]
  await promote(ann)
  const socket = await chat.join(ann, { protocols: ['chat.v1'] }, '?inbox=true')
  const call = async (person: typeof ann, method: string, path: string, body?: object) => {
    const response = await as(person, method, GENERAL + path, body)
    expect([method, path, response.status]).toEqual([method, path, expect.toSatisfy(status => status < 300)])
    return response.body
  }
  const send = async (frame: object): Promise<number> => {
    socket.send({ ...frame, ref: 'r' })
    return (await socket.nextOf('ack')).seq
  }
  let topics = 0
  return async () => {
    for (const { id } of [ben, cat]) await call(ann, 'PUT', `/members/${id}`)
    const one = await send({ type: 'message', content: 'one', mentions: [ben.id] })
    const two = await send({ type: 'message', content: 'two', reply_to: one })
    const three = await send({ type: 'message', content: 'three' })
    await send({ type: 'edit', target: one, content: 'edited' })
    await send({ type: 'react', target: one, key: '+1' })
    await send({ type: 'react', target: one, key: '+1', remove: true })
    await send({ type: 'delete', target: two, reason: 'twice' })
    await call(ann, 'PUT', `/pins/${three}`)
    await call(ann, 'DELETE', `/pins/${three}`)
    await call(ann, 'PUT', `/members/${ben.id}`, { role: 'moderator' })
    await call(ann, 'PUT', `/members/${ben.id}`, { role: 'member' })
    for (const path of ['mutes', 'bans']) {
      await call(ann, 'PUT', `/${path}/${cat.id}`, { reason: 'a test' })
      await call(ann, 'DELETE', `/${path}/${cat.id}`)
    }
    await call(ben, 'DELETE', '/members/me')
    await call(ann, 'PATCH', '', { topic: `topic ${topics++}` })
    socket.send({ type: 'read', up_to: three })
    socket.send({ type: 'typing', room: 'general' })
    return [one, two, three, await send({ type: 'message', content: 'four' })]
  }
}
