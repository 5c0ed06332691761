/**
 * Tests passkeys in Chromium with its virtual authenticator. The service must accept the responses of the browser. The page of
 * the service only provides the origin.
 */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launchChromium, openTab } from '../support/browser.ts'
import { freePort } from '../support/free-port.ts'
import { isAvailable } from '../support/requirements.ts'
import { type Person, type RunningChat, startChat } from '../support/start-chat.ts'
import { challengeOf, enterPassword } from '../support/two-factor.ts'

let browser: Browser

/**
 * Starts a service at http://localhost, because passkeys need a secure context, and browsers treat this host as secure. Opens
 * the page of the service in a tab with a virtual authenticator.
 */
const start = async (authenticator: object = {}) => {
  const port = await freePort()
  const publicUrl = `http://localhost:${port}`
  const chat = await startChat({ port, settings: { publicUrl } })
  const john = await chat.register('john')
  const { page } = await openTab(browser)
  onTestFinished(() => page.context().close())
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...authenticator
    }
  })
  await page.goto(`${publicUrl}/app`)
  return { chat, john, page, devtools, authenticatorId, publicUrl }
}

type Kind = 'create' | 'get'

/** Passes options of the service to the browser. Returns the credential as JSON, or the name of the error. */
const askBrowser = (page: Page, kind: Kind, options: object): Promise<{ id: string } | { error: string }> =>
  page.evaluate(`(async () => {
    const options = ${JSON.stringify(options)}
    try {
      const publicKey = ${kind === 'create'}
        ? PublicKeyCredential.parseCreationOptionsFromJSON(options)
        : PublicKeyCredential.parseRequestOptionsFromJSON(options)
      return (await navigator.credentials.${kind}({ publicKey })).toJSON()
    } catch (error) {
      return { error: error.name }
    }
  })()`)

const add = async ({ call }: RunningChat, page: Page, { token }: Person) => {
  const { challenge, options } = (await call('POST', '/api/auth/passkeys/options', { token })).body
  const response = await askBrowser(page, 'create', options)
  if ('error' in response) return response
  return call('POST', '/api/auth/passkeys', { token, body: { challenge, name: 'Laptop', response } })
}

const logIn = async ({ call }: RunningChat, page: Page, body: object = {}) => {
  const { challenge, options } = (await call('POST', '/api/auth/passkeys/login/options', { body })).body
  const response = await askBrowser(page, 'get', options)
  if ('error' in response) return response
  return call('POST', '/api/auth/passkeys/login', { body: { challenge, response } })
}

describe.runIf(isAvailable('chromium'))('a passkey in a browser', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('is added, logs in without a password, continues a login, and proves who its owner is', async () => {
    const { chat, john, page, devtools, authenticatorId } = await start()
    expect(await add(chat, page, john)).toMatchObject({ status: 201, body: { name: 'Laptop' } })
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
    expect(credentials).toMatchObject([{ isResidentCredential: true, rpId: 'localhost' }])

    const alone = await logIn(chat, page)
    expect(alone).toMatchObject({ status: 200, body: { token_type: 'bearer' } })
    expect((await enterPassword(chat, 'john')).body.methods).toEqual(['recovery_code', 'passkey'])
    expect(await logIn(chat, page, { challenge: await challengeOf(chat, 'john') })).toMatchObject({ status: 200 })

    const { token } = john
    await chat.database.client.query(`update "${chat.database.schema}".sessions set proven_at = null`)
    expect((await chat.call('POST', '/api/auth/recovery-codes', { token })).body.code).toBe('proof_required')
    const { challenge, options } = (await chat.call('POST', '/api/auth/passkeys/proof/options', { token })).body
    const body = { challenge, response: await askBrowser(page, 'get', options) }
    const proof = await chat.call('POST', '/api/auth/passkeys/proof', { token, body })
    expect(proof).toMatchObject({ status: 200, body: { expires_in: 600 } })
    expect((await chat.call('POST', '/api/auth/recovery-codes', { token })).status).toBe(200)
    expect((await chat.call('POST', '/api/auth/passkeys/proof', { token, body })).body.code).toBe('invalid_challenge')
  })

  test('is not offered twice by the same authenticator', async () => {
    const { chat, john, page } = await start()
    await add(chat, page, john)
    expect(await add(chat, page, john)).toEqual({ error: 'InvalidStateError' })
  })

  test('without user verification is a second factor, but does not log in by itself', async () => {
    const { chat, john, page } = await start({ hasUserVerification: false, isUserVerified: false })
    expect(await add(chat, page, john)).toMatchObject({ status: 201 })
    expect(await logIn(chat, page)).toEqual({ error: 'NotAllowedError' })
    expect(await logIn(chat, page, { challenge: await challengeOf(chat, 'john') })).toMatchObject({ status: 200 })
  })

  test('works at its own host name only', async () => {
    const { chat, john, page, publicUrl } = await start()
    await add(chat, page, john)
    await page.goto(`${publicUrl.replace('localhost', 'other.localhost')}/app`)
    expect(await logIn(chat, page)).toEqual({ error: 'SecurityError' })
  })
})
