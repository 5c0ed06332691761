/** Tests that a request of a closed connection is not started. tests/http/turns.db.test.ts tests the queues over HTTP. */
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createTurns } from '../../src/http/turns.ts'

const start = () => {
  const socket = new EventEmitter() as Socket
  const turns = createTurns()
  const begun: string[] = []
  const take = (name: string) => {
    const response = new EventEmitter() as ServerResponse
    turns.take(socket, response, () => begun.push(name))
    return response
  }
  return { socket, begun, take }
}
const turn = () => new Promise(setImmediate)

test('starts the next request in a later turn when the previous response has ended', async () => {
  const { begun, take } = start()
  const first = take('first')
  take('second')
  first.emit('close')
  expect(begun).toEqual(['first'])
  await turn()
  expect(begun).toEqual(['first', 'second'])
})

test('does not start a queued request if the connection is closed together with the response before it', async () => {
  const { socket, begun, take } = start()
  const first = take('first')
  take('second')
  first.emit('close')
  socket.emit('close')
  await turn()
  expect(begun).toEqual(['first'])
})

test('does not start a request of a connection that is already closed', async () => {
  const { socket, begun, take } = start()
  take('first').emit('close')
  socket.emit('close')
  take('second')
  await turn()
  expect(begun).toEqual(['first'])
})
