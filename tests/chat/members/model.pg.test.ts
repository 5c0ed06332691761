/**
 * Tests two processes on one database with random additions and removals of members, while the members subscribe and read over
 * HTTP. Nothing that was appended after the removal of a member may reach this member before the member is added again.
 */
import { expect, test } from 'vitest'
import { leaksOf, mayHaveSeen, type Rights, rightsOf } from '../../chaos/rights.ts'
import fc, { SEED } from '../../support/properties.ts'
import type { Frame } from '../../support/socket-client.ts'
import type { Person, RunningChat } from '../../support/start-chat.ts'
import { startTwoProcesses } from '../../support/two-processes.ts'

const step = fc.record({
  kind: fc.constantFrom('post', 'post', 'put', 'remove', 'remove', 'subscribe', 'subscribe', 'read', 'read', 'leave'),
  process: fc.nat(1),
  member: fc.nat(1)
})

const room = '/api/chat/rooms/p.model'

const inRoom = (frames: readonly Frame[]) =>
  frames
    .filter(({ room }) => room === 'p.model')
    .map(({ type, seq }) => ({ type: String(type), ...(seq === undefined ? {} : { seq }) }))

const startModel = async () => {
  const { one, two, sql } = await startTwoProcesses({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const owner = await one.register('owner')
  const members = [await one.register('jane'), await one.register('mary')]
  await sql(`insert into @rooms (name, visibility, guarded) values ('p.model', 'private', true)`)
  for (const { id } of [owner, ...members])
    await sql(`insert into @members (room_id, user_id, role) select id, $1, $2 from @rooms where name = 'p.model'`, [
      id,
      id === owner.id ? 'owner' : 'member'
    ])
  return { processes: [one, two], owner, members }
}

/** Connects a member, and collects all frames. */
const listen = async (chat: RunningChat, person: Person) => {
  const client = await chat.join(person)
  const frames: Frame[] = []
  client.socket.on('message', data => frames.push(JSON.parse(data.toString())))
  return { userId: person.id, frames, client }
}

test(`nothing reaches a member after the removal (PROPERTY_SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 2, maxLength: 8 }), { minLength: 6, maxLength: 14 }),
      async groups => {
        const { processes, owner, members } = await startModel()
        const sockets = await Promise.all(
          processes.flatMap(chat => members.map(async person => ({ chat, person, ...(await listen(chat, person)) })))
        )
        const reads: { userId: number; seq: number }[] = []
        const act = async ({ kind, process, member }: { kind: string; process: number; member: number }) => {
          const chat = processes[process] as RunningChat
          const person = members[member] as Person
          const path = `${room}/members/${person.id}`
          if (kind === 'post')
            await chat.call('POST', `${room}/messages`, { token: owner.token, body: { content: 'x' } })
          else if (kind === 'put') await chat.call('PUT', path, { token: owner.token })
          else if (kind === 'remove') await chat.call('DELETE', path, { token: owner.token })
          else if (kind === 'leave') await chat.call('DELETE', `${room}/members/me`, { token: person.token })
          else if (kind === 'subscribe') {
            const socket = sockets.find(one => one.chat === chat && one.person === person)
            socket?.client.send({ type: 'subscribe', room: 'p.model' })
          } else {
            const { status, body } = await chat.call('GET', `${room}/log?after=0&limit=500`, { token: person.token })
            if (status === 200) reads.push({ userId: person.id, seq: body.entries.at(-1)?.seq ?? 0 })
            else expect(body.code).toBe('room_not_found')
          }
        }
        for (const group of groups) await Promise.all(group.map(act))
        for (const { client } of sockets) await client.untilPong()

        const { body } = await (processes[0] as RunningChat).call('GET', `${room}/log?after=0&limit=500`, {
          token: owner.token
        })
        const changes = new Map(members.map(({ id }) => [id, rightsOf(body.entries, id, false)]))
        for (const { userId, frames } of sockets)
          expect(leaksOf(inRoom(frames), changes.get(userId) as Rights)).toEqual([])
        for (const { userId, seq } of reads)
          expect(mayHaveSeen(changes.get(userId) as Rights, seq), `user ${userId} read up to ${seq}`).toBe(true)
      }
    ),
    { numRuns: 6 }
  )
}, 240_000)
