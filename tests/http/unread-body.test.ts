/** Tests how long the service waits for the rest of a rejected body. unread-body.db.test.ts tests this over HTTP. */
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { lingerForBody } from '../../src/http/unread-body.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const start = ({ complete = false, connection = 'close' } = {}) => {
  const destroy = vi.fn()
  const resume = vi.fn()
  const request = { raw: Object.assign(new EventEmitter(), { complete, socket: { destroy }, resume }) }
  const removeHeader = vi.fn()
  const reply = { raw: new EventEmitter(), getHeader: () => connection, removeHeader }
  lingerForBody(request as never, reply as never)
  return { request, reply, destroy, resume, removeHeader }
}

test('the connection stays open, the rest of the body is discarded, and no timer remains after it', () => {
  const { request, reply, destroy, resume, removeHeader } = start()
  expect(removeHeader).toHaveBeenCalledWith('connection')
  reply.raw.emit('finish')
  expect(resume).toHaveBeenCalled()
  request.raw.emit('close')
  expect(vi.getTimerCount()).toBe(0)
  expect(destroy).not.toHaveBeenCalled()
})

test('the connection is destroyed if the body does not end within 5 s', () => {
  const { reply, destroy } = start()
  reply.raw.emit('finish')
  vi.advanceTimersByTime(4999)
  expect(destroy).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(destroy).toHaveBeenCalled()
})

test.for([{ complete: true }, { connection: 'keep-alive' }])('other responses stay unchanged: %o', given => {
  const { reply, removeHeader } = start(given)
  reply.raw.emit('finish')
  expect(removeHeader).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})
