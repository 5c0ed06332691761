/** Tests the outbox with an SMTP server that accepts, refuses or delays mails, or that stops. */
import { describe, expect, test } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { createDeferred } from '../../support/deferred.ts'
import { smtpError, startMailServer } from '../../support/mail-server.ts'
import { createOutbox } from '../../support/outbox.ts'

const start = async () => {
  const database = await testDatabase()
  return { database, outbox: createOutbox(database) }
}
type Outbox = ReturnType<typeof createOutbox>

const notify = (outbox: Outbox, userId: number) => outbox.enqueue({ kind: 'password_changed', userId, params: {} })
const isEmpty = (outbox: Outbox) => expect.poll(outbox.queued).toBe(0)

describe('a mail', () => {
  test('is sent once by several workers, with the id of its row', async () => {
    const { database, outbox } = await start()
    const server = await startMailServer()
    const people = await Promise.all(
      Array.from({ length: 60 }, (_, at) => outbox.person(`u${at}x`, `u${at}@example.com`))
    )
    for (const { id } of people) await notify(outbox, id)
    const [stored] = await database.client.query<{ id: string }>(
      `select id from "${database.schema}".outbox where user_id = $1`,
      [people[0]?.id]
    )
    await Promise.all([outbox.work(server.url), outbox.work(server.url), outbox.work(server.url)])
    await isEmpty(outbox)
    expect(server.mails.map(({ to }) => to).sort()).toEqual(people.map((_, at) => `u${at}@example.com`).sort())
    const [first] = await server.to('u0@example.com')
    expect(first?.messageId).toBe(`<${stored?.id}@example.com>`)
    expect(first?.raw).toMatch(/^From: Chat <chat@example.com>\r$/m)
    expect(first?.raw).toMatch(/^Auto-Submitted: auto-generated\r$/m)
  })

  test('that the server rejects with 5xx is not sent again, and its address is not logged', async () => {
    const { outbox } = await start()
    const server = await startMailServer({
      onRecipient(address) {
        if (address.startsWith('bad')) throw smtpError(550, `no such user ${address}`)
      }
    })
    for (const name of ['bad', 'good']) await notify(outbox, (await outbox.person(name, `${name}@example.com`)).id)
    await outbox.work(server.url)
    await isEmpty(outbox)
    expect(server.attempts.filter(address => address === 'bad@example.com')).toHaveLength(1)
    expect(server.mails.map(({ to }) => to)).toEqual(['good@example.com'])
    expect(outbox.lines).toContainEqual(expect.objectContaining({ response_code: 550, code: 'EENVELOPE' }))
    expect(JSON.stringify(outbox.lines)).not.toContain('example.com')
  })

  test('that the server defers with 4xx is sent later', async () => {
    const { outbox } = await start()
    let isBusy = true
    const server = await startMailServer({
      onData() {
        if (isBusy) throw smtpError(451, 'greylisted')
      }
    })
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    const worker = await outbox.work(server.url, { delayMs: 1 })
    await expect.poll(() => server.attempts.length).toBeGreaterThan(0)
    await expect.poll(() => outbox.lines).toContainEqual(expect.objectContaining({ response_code: 451 }))
    isBusy = false
    await outbox.drain(worker)
    expect(server.mails).toHaveLength(1)
  })

  test('waits while the server cannot be reached', async () => {
    const { outbox } = await start()
    const server = await startMailServer()
    await server.stop()
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    const worker = await outbox.work(server.url)
    await expect
      .poll(() => outbox.lines)
      .toContainEqual(expect.objectContaining({ attempts: 1, kind: 'password_changed' }))
    expect(await outbox.queued()).toBe(1)
    await server.restart()
    await outbox.drain(worker)
    expect(server.mails).toHaveLength(1)
  })

  test('waits while the login is wrong, because that is a mistake in the settings', async () => {
    const { outbox } = await start()
    const server = await startMailServer({ login: ['chat', 'p@ss/word'] })
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    const wrong = await outbox.work(server.url.replace('word', 'words'))
    await expect.poll(() => outbox.lines).toContainEqual(expect.objectContaining({ code: 'EAUTH', response_code: 535 }))
    expect(await outbox.queued()).toBe(1)
    wrong.refuseWork()
    await wrong.stop(0)
    await outbox.drain(await outbox.work(server.url))
    expect(server.mails).toHaveLength(1)
  })

  test('whose server stops during the delivery is sent again with the same id', async () => {
    const { outbox } = await start()
    let isDying = true
    const server = await startMailServer({
      async onData() {
        if (!isDying) return
        isDying = false
        await server.stop()
        throw smtpError(421, 'gone')
      }
    })
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    const worker = await outbox.work(server.url)
    await expect.poll(() => outbox.lines.length).toBeGreaterThan(0)
    await server.restart()
    await outbox.drain(worker)
    expect(server.mails).toHaveLength(1)
  })

  test('for a recipient whose server is slow delays no other mail', async () => {
    const { outbox } = await start()
    const release = createDeferred()
    const server = await startMailServer({
      onRecipient: address => (address.startsWith('slow') ? release.promise : undefined)
    })
    for (let at = 0; at < 3; at++) await notify(outbox, (await outbox.person(`slow${at}`, `slow${at}@example.com`)).id)
    await outbox.work(server.url, { first: 4 })
    await expect.poll(() => server.attempts.length).toBe(3)
    for (let at = 0; at < 20; at++) await notify(outbox, (await outbox.person(`u${at}x`, `u${at}@example.com`)).id)
    await outbox.work(server.url, { first: 4 })
    await expect.poll(() => server.mails.length).toBe(20)
    release.resolve(undefined)
    await isEmpty(outbox)
    expect(server.mails).toHaveLength(23)
  })

  test('of a delivery that exceeds its timeout is tried again', async () => {
    const { outbox } = await start()
    let isSlow = true
    const server = await startMailServer({ onRecipient: () => (isSlow ? new Promise(() => {}) : undefined) })
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    const first = await outbox.work(server.url, { deliveryMs: 100 })
    await expect.poll(() => outbox.lines).toContainEqual(expect.objectContaining({ attempts: 1 }))
    first.refuseWork()
    await first.stop(0)
    isSlow = false
    await outbox.drain(await outbox.work(server.url))
    expect(server.mails).toHaveLength(1)
  })

  test('that failed before never takes the slot of a new one', async () => {
    const { database, outbox } = await start()
    const server = await startMailServer({
      onRecipient: address => (address.startsWith('slow') ? new Promise(() => {}) : undefined)
    })
    for (let at = 0; at < 5; at++) await notify(outbox, (await outbox.person(`slow${at}`, `slow${at}@example.com`)).id)
    await database.client.query(`update "${database.schema}".outbox set attempts = 1`)
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    await outbox.work(server.url, { first: 1, again: 2 })
    expect(await server.to('john@example.com')).toHaveLength(1)
    expect(server.attempts.filter(address => address.startsWith('slow')).length).toBeLessThanOrEqual(2)
  })

  test('of a process that ended is sent by another one when the lease has ended', async () => {
    const { database, outbox } = await start()
    const server = await startMailServer()
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    expect(await database.outbox.lease({ first: 10, again: 10, leaseMs: 50_000 })).toHaveLength(1)
    const worker = await outbox.work(server.url)
    expect(await database.outbox.lease({ first: 10, again: 10, leaseMs: 50_000 })).toEqual([])
    expect(server.mails).toEqual([])
    await outbox.drain(worker)
    expect(server.mails).toHaveLength(1)
  })

  test('is interrupted by a stop, and due at once for another process', async () => {
    const { outbox } = await start()
    let isSlow = true
    const server = await startMailServer({ onRecipient: () => (isSlow ? new Promise(() => {}) : undefined) })
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    const stopped = await outbox.work(server.url)
    await expect.poll(() => server.attempts.length).toBe(1)
    stopped.refuseWork()
    await stopped.stop(10)
    isSlow = false
    await outbox.work(server.url)
    await isEmpty(outbox)
    expect(server.mails).toHaveLength(1)
  })

  test('is not sent after it has expired, and this is logged', async () => {
    const { database, outbox } = await start()
    const server = await startMailServer()
    await notify(outbox, (await outbox.person('john', 'john@example.com')).id)
    await database.client.query(
      `update "${database.schema}".outbox set expires_at = clock_timestamp() - interval '6 minutes'`
    )
    const { sweep } = await outbox.work(server.url)
    sweep()
    await isEmpty(outbox)
    expect(server.mails).toEqual([])
    expect(outbox.lines).toContainEqual(expect.objectContaining({ message: 'a mail expired before it could be sent' }))
  })

  test('of a kind that only a newer release knows stays in the outbox', async () => {
    const { database, outbox } = await start()
    const { id } = await outbox.person('john', 'john@example.com')
    const { token, keyId } = outbox.keyring.encrypt('{}')
    await database.outbox.add({ kind: 'from_the_future', userId: id, payload: token, keyId, lifetimeMs: 60_000 })
    await outbox.work((await startMailServer()).url)
    await expect
      .poll(() => outbox.lines)
      .toContainEqual(expect.objectContaining({ kind: 'from_the_future', attempts: 1 }))
    expect(await outbox.queued()).toBe(1)
  })
})

describe('a link', () => {
  const reset = (outbox: Outbox, userId: number, addressHash: string) =>
    outbox.enqueue({ kind: 'reset_password', userId, params: { addressHash } })

  test.each([
    ['the password', `update @users set generation = generation + 1`],
    ['the address', `update @emails set address_hash = 'other'`]
  ])('is not sent if %s was changed while the mail waited', async (_, change) => {
    const { database, outbox } = await start()
    const server = await startMailServer()
    const { id } = await outbox.person('john', 'john@example.com')
    await reset(outbox, id, await outbox.lookupKeys.hash('emails', 'john@example.com'))
    await database.client.query(change.replace('@', `"${database.schema}".`))
    await outbox.work(server.url)
    await isEmpty(outbox)
    expect(server.mails).toEqual([])
    expect(outbox.lines).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('no longer valid') })
    )
  })

  test('for a forgotten password is not sent if the password was changed after the first attempt to send it', async () => {
    const { database, outbox } = await start()
    let isBusy = true
    const server = await startMailServer({
      onRecipient() {
        if (isBusy) throw smtpError(450, 'later')
      }
    })
    await outbox.person('john', 'john@example.com')
    await outbox.enqueue({ kind: 'forgot', userId: null, params: { address: 'john@example.com' } })
    const worker = await outbox.work(server.url)
    await expect.poll(() => outbox.lines).toContainEqual(expect.objectContaining({ response_code: 450 }))
    await database.client.query(`update "${database.schema}".users set generation = generation + 1`)
    isBusy = false
    await outbox.drain(worker)
    expect(server.mails).toEqual([])
  })
})

describe('an account', () => {
  test('gets three mails per hour per kind', async () => {
    const { outbox } = await start()
    const server = await startMailServer()
    const { id } = await outbox.person('john', 'john@example.com')
    for (let at = 0; at < 5; at++) {
      await notify(outbox, id)
      await outbox.enqueue({ kind: 'recovery_code_used', userId: id, params: {} })
    }
    await outbox.work(server.url)
    await isEmpty(outbox)
    expect(server.mails).toHaveLength(6)
  })
})

describe('a request for a new password', () => {
  const forget = (outbox: Outbox, address: string) =>
    outbox.enqueue({ kind: 'forgot', userId: null, params: { address }, lifetimeMs: 60_000 })

  test('sends a link to a verified address regardless of its case, and nothing to an unknown address', async () => {
    const { outbox } = await start()
    const server = await startMailServer()
    await outbox.person('john', 'john@example.com')
    await forget(outbox, 'unknown@example.com')
    await forget(outbox, 'not an address')
    await forget(outbox, 'JOHN@example.com')
    await outbox.work(server.url)
    await isEmpty(outbox)
    expect(server.mails).toHaveLength(1)
    expect(server.mails[0]).toMatchObject({ to: 'john@example.com' })
    expect(server.mails[0]?.link).toMatch(/^https:\/\/chat\.example\.com\/app#reset=[\w-]{43}$/)
  })

  test('is limited to three per hour per account, even if sending fails meanwhile', async () => {
    const { outbox } = await start()
    const server = await startMailServer({
      onRecipient() {
        if (server.attempts.length < 4) throw smtpError(450, 'later')
      }
    })
    await outbox.person('john', 'john@example.com')
    for (let at = 0; at < 5; at++) await forget(outbox, 'john@example.com')
    const worker = await outbox.work(server.url, { delayMs: 1 })
    await outbox.drain(worker)
    expect(server.mails.length).toBeGreaterThan(0)
    expect(server.mails.length).toBeLessThanOrEqual(3)
  })
})
