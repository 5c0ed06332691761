/** Uses the routes and frames that neither the page nor the terminal client uses. Many of the routes do the same as a frame. */
import assert from 'node:assert/strict'
import { appendAsHost } from '../host.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

export const callRoutes = async ({ ada, bob, api, idOf }: Stage): Promise<void> => {
  await ada.open('Tea')
  await bob.go('tea', '#tea')
  const room = '/rooms/tea'
  const { seq } = await api.call('POST', `${room}/messages`, { content: 'Over HTTP', meta: { from: 'curl' } })
  await ada.sees('Over HTTP')
  await api.call('PUT', `${room}/messages/${seq}/reactions/ship_it`)
  await bob.sees('ship_it 1')
  const { reactions } = await api.call('GET', `${room}/messages/${seq}/reactions?key=ship_it`)
  assert.deepEqual(
    reactions.map(({ username }: { username: string }) => username),
    ['mia']
  )
  await api.call('DELETE', `${room}/messages/${seq}/reactions/ship_it`)
  await bob.loses('ship_it 1')
  await api.call('PATCH', `${room}/messages/${seq}`, { content: 'Edited over HTTP' })
  await ada.sees('Edited over HTTP (edited)')
  assert.equal((await api.call('GET', `${room}/messages/${seq}`)).content, 'Edited over HTTP')
  await api.call('PUT', `${room}/pins/${seq}`)
  await bob.sees('Edited over HTTP (edited) (pinned)')
  await api.call('DELETE', `${room}/pins/${seq}`)
  await bob.loses('Edited over HTTP (edited) (pinned)')
  await api.call('DELETE', `${room}/messages/${seq}`, { reason: 'a test' })
  await bob.loses('Edited over HTTP')
  const { entries } = await api.call('GET', `${room}/log?after=${seq}`)
  assert.deepEqual(
    entries.map(({ type }: { type: string }) => type),
    ['reaction', 'reaction', 'edit', 'pin', 'pin', 'deletion']
  )
  await api.call('PATCH', room, { retention_days: 365 })
  await bob.sees('limited the messages to 365 days')
  await ada.note('limited the messages to 365 days').waitFor()
  await api.call('PUT', `${room}/read`, { up_to: seq })
  await api.call('POST', '/rooms/general/messages', { content: 'For clients of the first release' })
  assert.equal((await api.call('GET', '/messages')).at(-1).content, 'For clients of the first release')
  assert.ok((await api.call('GET', `${room}/presence`)).count > 0)

  const adasId = await idOf('ada')
  const { room: direct } = await api.call('POST', '/direct', { users: [adasId] })
  const isListed = async () =>
    (await api.call('GET', '/inbox')).rooms.some((one: { room: string }) => one.room === direct)
  await api.call('PUT', `/rooms/${direct}/hidden`)
  assert.equal(await isListed(), false)
  await api.call('DELETE', `/rooms/${direct}/hidden`)
  assert.equal(await isListed(), true)
  await api.call('POST', `/rooms/${direct}/messages`, { content: 'From the moderator' })
  await ada.link(/^@?mia.*1 unread/).waitFor()
  await ada.open('mia')
  await ada.sees('From the moderator')
  await api.call('PUT', `/api/users/me/blocks/${adasId}`)
  await ada.composer().fill('Nobody reads this')
  await ada.page.keyboard.press('Enter')
  await ada.page.locator('.failure', { hasText: 'Not sent.' }).waitFor()
  await api.call('DELETE', `/api/users/me/blocks/${adasId}`)
  await ada.press('Discard')
}

/**
 * Sends a ping, and a subscription with the epoch of another log, as a client without the SDK could. Lets a host application
 * append an entry of an unknown kind.
 */
export const sendFrames = async ({ ada, bob, api, services, checklist }: Stage): Promise<void> => {
  const socket = await api.connect()
  socket.send({ type: 'ping', ref: 'p' })
  assert.equal((await socket.first('pong')).ref, 'p')
  socket.send({ type: 'subscribe', room: 'tea', after: 1, epoch: 'another' })
  assert.equal((await socket.first('resync')).reason, 'epoch')
  socket.send({ type: 'message', room: 'absent-room', content: 'x', ref: 'm' })
  assert.equal((await socket.first('error')).ref, 'm')
  await ada.open('Tea')
  const seq = await appendAsHost(services.databaseUrl, 'tea')
  assert.deepEqual(await socket.first('unknown'), { type: 'unknown', kind: 'acme.order', room: 'tea', seq })
  await api.call('POST', '/rooms/tea/messages', { content: 'After the unknown entry' })
  await ada.sees('After the unknown entry')
  await bob.sees('mia After the unknown entry')
  assert.ok(!(await bob.screen()).includes('acme'))
  assert.ok(!(await ada.page.textContent('body'))?.includes('acme'))
  socket.send({ type: 'unsubscribe', room: 'tea' })
  assert.equal((await socket.first('unsubscribed')).room, 'tea')
  socket.close()
  await until('the walkthrough has seen frames that are sent from time to time', () =>
    ['frame heads', 'frame authenticated', 'frame pong', 'frame ping, sent'].every(checklist.isTicked)
  )
}
