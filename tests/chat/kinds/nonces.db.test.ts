/**
 * Tests repeated nonces after the message was edited or deleted on another process, if all notifications between the processes
 * are lost.
 */
import { describe, expect, test } from 'vitest'
import { createMemoryBus } from '../../../src/bus/drivers/memory.ts'
import { fakeClock } from '../../support/clock.ts'
import type { SocketClient } from '../../support/socket-client.ts'
import { type RunningChat, startChat } from '../../support/start-chat.ts'

const room = '/api/chat/rooms/general'

/**
 * Starts two processes that do not notify each other. John is connected to both, and Jane to the second process, `late`, which
 * polls only when `poll` is called. If `hasRead` is false, John sends a message to the first process, so `late` has not read it.
 */
const start = async (hasRead: boolean) => {
  const settings = { messageRateLimit: 0, readRateLimit: 0, connectionsPerUser: 0 }
  const clock = fakeClock(Date.now())
  const prompt = await startChat({ settings, bus: createMemoryBus(), joinsPosters: false })
  const late = await startChat({
    settings,
    clock,
    bus: createMemoryBus(),
    joinsPosters: false,
    database: prompt.database
  })
  const [john, jane] = [await prompt.register('john'), await prompt.register('jane')]
  const [here, there, reader] = [await prompt.join(john), await late.join(john), await late.join(jane)]
  const ask = async (client: SocketClient, frame: object) => {
    client.send(frame)
    for (;;) {
      const response = await client.next()
      if (['ack', 'error'].includes(response.type)) return response
    }
  }
  const message = { type: 'message', content: 'first', nonce: 'm' }
  expect(await ask(hasRead ? there : here, message)).toMatchObject({ type: 'ack', seq: 1 })
  if (hasRead) expect(await reader.nextOf('message')).toMatchObject({ seq: 1, content: 'first' })
  const list = async (chat: RunningChat) =>
    (await chat.call('GET', `${room}/messages`, { token: jane.token })).body.messages
  const post = (chat: RunningChat, content: string) =>
    chat.call('POST', `${room}/messages`, {
      token: john.token,
      body: { content },
      headers: { 'idempotency-key': 'm' }
    })
  const poll = () => clock.advance(6000)
  return { prompt, late, here, there, reader, ask, message, list, post, poll }
}

describe.for([true, false])('on a process that has read the message: %s', hasRead => {
  test('a nonce that is repeated after an edit on another process is compared with the first text', async () => {
    const { late, here, there, reader, ask, message, list, post, poll } = await start(hasRead)
    const edit = { type: 'edit', target: 1, content: 'second', nonce: 'e' }
    expect(await ask(here, edit)).toMatchObject({ type: 'ack', seq: 2 })
    expect(await ask(there, message)).toMatchObject({ type: 'ack', nonce: 'm', seq: 1 })
    for (const repeated of [
      { ...message, content: 'second' },
      { ...message, ...edit, nonce: 'm' },
      { ...edit, content: 'first' },
      { ...edit, target: 2 }
    ])
      expect(await ask(there, repeated)).toMatchObject({ type: 'error', code: 'nonce_reused', nonce: repeated.nonce })
    expect(await post(late, 'first')).toMatchObject({
      status: 200,
      body: { seq: 1, content: 'second', changed_seq: 2 }
    })
    expect(await post(late, 'second')).toMatchObject({ status: 409, body: { code: 'nonce_reused' } })
    expect(await ask(there, edit)).toMatchObject({ type: 'ack', nonce: 'e', seq: 2 })
    poll()
    if (!hasRead) expect(await reader.nextOf('message')).toMatchObject({ seq: 1, changed_seq: 2, content: 'second' })
    expect(await reader.nextOf('edit')).toMatchObject({ seq: 2, target: 1, content: 'second' })
    expect(await ask(there, { type: 'message', content: 'third', ref: 'r' })).toMatchObject({ type: 'ack', seq: 3 })
    // Nothing was delivered or stored twice.
    const frames = await reader.untilPong()
    expect(frames.filter(({ seq }) => seq !== undefined)).toMatchObject([{ type: 'message', seq: 3 }])
    expect(await list(late)).toMatchObject([
      { seq: 1, content: 'second', changed_seq: 2 },
      { seq: 3, content: 'third' }
    ])
  })

  test('a nonce that is repeated after a deletion on another process is acknowledged and shows no text', async () => {
    const { prompt, late, here, there, reader, ask, message, list, post, poll } = await start(hasRead)
    expect(await ask(here, { type: 'edit', target: 1, content: 'second', nonce: 'e' })).toMatchObject({ seq: 2 })
    expect(await ask(here, { type: 'delete', target: 1, nonce: 'd' })).toMatchObject({ type: 'ack', seq: 3 })
    // After an erasure, no text is left to compare with, so a repeated nonce is acknowledged with any text.
    for (const content of ['first', 'another'])
      expect(await ask(there, { ...message, content })).toMatchObject({ type: 'ack', nonce: 'm', seq: 1 })
    expect(await ask(there, { type: 'edit', target: 1, content: 'other', nonce: 'e' })).toMatchObject({ seq: 2 })
    for (const chat of [prompt, late])
      expect(await post(chat, 'first')).toMatchObject({
        status: 200,
        body: { seq: 1, content: null, unavailable: 'erased' }
      })
    poll()
    expect(await reader.nextOf('deletion')).toMatchObject({ seq: 3, target: 1 })
    const frames = await there.untilPong()
    expect(JSON.stringify(frames.filter(({ seq }) => seq > 1))).not.toMatch(/first|second|other/)
    expect(await list(late)).toMatchObject([{ seq: 1, content: null, unavailable: 'erased', changed_seq: 3 }])
  })
})
