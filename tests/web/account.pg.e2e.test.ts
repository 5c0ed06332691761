/** Tests the login, the account dialog and the view for administrators in a real browser with the real service. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { enterAs, hasChromium, launchChromium, logIn, openTab, type Tab } from '../support/browser.ts'
import { freePort } from '../support/free-port.ts'
import { problemsOf } from '../support/page-problems.ts'
import { PASSWORD, type RunningChat, type StartOptions, startChat } from '../support/start-chat.ts'
import { codeAt, enrol } from '../support/two-factor.ts'

let browser: Browser

const composer = (page: Page) => page.getByRole('textbox', { name: /^Message to/ })
const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
const type = (page: Page, label: string, text: string): Promise<void> =>
  page.getByLabel(label, { exact: true }).fill(text)

/** Starts a service whose mails are collected, with the user ada, and opens a tab. */
const start = async (options: StartOptions = {}) => {
  const mails: string[] = []
  const chat = await startChat({ printMail: text => mails.push(text), ...options })
  const ada = await chat.register('ada')
  const tab = await newTab()
  return { chat, mails, ada, tab, page: tab.page, complaints: tab.complaints }
}

const newTab = async (options = {}): Promise<Tab> => {
  const tab = await openTab(browser, options)
  onTestFinished(() => tab.page.context().close())
  return tab
}

const openAccount = async (page: Page, section: string): Promise<void> => {
  if ((await page.getByRole('heading', { name: 'Account' }).count()) === 0) {
    await page.getByRole('button', { name: /Account$/ }).click()
  }
  await press(page, section)
}

/** Makes the proof of the login old, so that the next protected call needs another one. */
const ageProof = ({ database }: RunningChat): Promise<unknown> =>
  database.client.query(`update ${database.schema}.sessions set proven_at = now() - interval '1 hour'`)

const confirm = async (page: Page): Promise<void> => {
  await type(page, 'Your password', PASSWORD)
  await press(page, 'Confirm')
}

/** Returns the fragment of the link in the newest mail that has one. */
const linkIn = async (mails: readonly string[], purpose: string): Promise<string> => {
  const find = () => mails.map(text => new RegExp(`#${purpose}=[\\w.-]+`).exec(text)?.[0]).findLast(Boolean)
  await expect.poll(find).toBeTruthy()
  return String(find())
}

/** Sets up an authenticator app in the account dialog. Returns its secret and the recovery codes. */
const setUpApp = async (page: Page) => {
  await openAccount(page, 'Two-step login')
  await press(page, 'Set up an app')
  await page.getByRole('img', { name: 'The key as a QR code' }).waitFor()
  const secret = String(await page.locator('.section-form code').first().textContent()).replaceAll(' ', '')
  await type(page, 'Code that the app shows', codeAt(secret, Date.now()))
  await press(page, 'Turn on')
  await page.getByRole('heading', { name: 'Save your recovery codes' }).waitFor()
  const codes = await page.locator('.codes code').allTextContents()
  return { secret, codes }
}

describe.skipIf(!hasChromium())('the page', { timeout: 600_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('stays signed in over a reload and for 40 minutes in three tabs, without a token in the storage', async () => {
    const { chat, tab, page, complaints } = await start()
    await page.clock.install()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await page.reload()
    await composer(page).waitFor()
    const [cookie] = await page.context().cookies()
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' })
    const stored = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')
    expect(stored).not.toMatch(new RegExp(`eyJ|${cookie?.value}`))
    const tabs = [page, await page.context().newPage(), await page.context().newPage()]
    for (const other of tabs.slice(1)) {
      await other.goto(`${chat.url}/app`)
      await composer(other).waitFor()
    }
    for (let step = 0; step < 4; step++) await page.clock.fastForward('10:00')
    for (const [at, one] of tabs.entries()) {
      await composer(one).fill(`from tab ${at}`)
      await one.keyboard.press('Enter')
      await one.locator('.line.stored', { hasText: `from tab ${at}` }).waitFor()
    }
    expect(complaints).toEqual([])
  })

  test('ends the session with the browser if the user does not want to be remembered', async () => {
    const { chat, page } = await start()
    await page.goto(`${chat.url}/app`)
    await page.getByLabel('Remember me on this device').uncheck()
    await type(page, 'Username', 'ada')
    await type(page, 'Password', PASSWORD)
    await page.keyboard.press('Enter')
    await composer(page).waitFor()
    expect((await page.context().cookies())[0]?.expires).toBe(-1)
  })

  test('keeps the session in memory over plain HTTP, and says why', async () => {
    const { chat, page } = await start()
    const url = chat.url.replace('127.0.0.1', 'chat.test')
    await logIn({ page, complaints: [] }, url, 'ada', PASSWORD)
    expect(await page.context().cookies()).toEqual([])
    await openAccount(page, 'Sessions')
    await page.getByText('loaded without HTTPS').waitFor()
    await page.reload()
    await page.getByText('loaded without HTTPS').waitFor()
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  })

  test('changes the display name and the password after a proof, and ends another session', async () => {
    const { chat, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    await openAccount(page, 'Profile')
    await type(page, 'Display name', 'Ada L.')
    await press(page, 'Save')
    await page.getByText('Your display name is saved.').waitFor()
    await type(page, 'Display name', ' ')
    await press(page, 'Save')
    await page.getByText('Your display name is removed.').waitFor()
    await openAccount(page, 'Sessions')
    await page.getByText('this session').waitFor()
    await ageProof(chat)
    await page.getByRole('button', { name: /^End the session/ }).click()
    await page.getByRole('heading', { name: 'Confirm that it’s you' }).waitFor()
    await type(page, 'Your password', 'WrongPass123')
    await press(page, 'Confirm')
    await page.getByRole('dialog', { name: 'Confirm that it’s you' }).getByRole('alert').locator('p').waitFor()
    await confirm(page)
    await expect.poll(() => page.getByRole('button', { name: /^End the session/ }).count()).toBe(0)
    await openAccount(page, 'Password')
    await type(page, 'New password', 'AnotherPass456')
    await press(page, 'Change the password')
    await page.getByText('Your password is changed.').waitFor()
    await page.keyboard.press('Escape')
    await composer(page).fill('still here')
    await page.keyboard.press('Enter')
    await page.locator('.line.stored').waitFor()
    const { status } = await chat.call('POST', '/api/auth/login', {
      body: { username: 'ada', password: 'AnotherPass456' }
    })
    expect(status).toBe(200)
  })

  test('sets up an authenticator app, and logs in with its code and with a recovery code', async () => {
    const { chat, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    const { secret, codes } = await setUpApp(page)
    expect(codes).toHaveLength(10)
    await press(page, 'I have saved them')
    await page.getByText('10 of 10 are left').waitFor()
    await page.keyboard.press('Escape')
    const logInAgain = async (): Promise<void> => {
      await press(page, 'Log out')
      await type(page, 'Username', 'ada')
      await type(page, 'Password', PASSWORD)
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Second step' }).waitFor()
    }
    await logInAgain()
    await type(page, 'Code', '000000')
    await press(page, 'Continue')
    await page.getByRole('alert').locator('p').waitFor()
    // The step of the set-up is used, and the service accepts the next one.
    await type(page, 'Code', codeAt(secret, Date.now() + 30_000))
    await press(page, 'Continue')
    await composer(page).waitFor()
    await logInAgain()
    await press(page, 'Use a recovery code')
    await type(page, 'Recovery code', String(codes[0]))
    await press(page, 'Continue')
    await composer(page).waitFor()
  })

  test('asks for the second factor at the first login on an address that the service does not know', async () => {
    const { chat, ada, page } = await start({ settings: { publicUrl: 'https://chat.example.com' } })
    const { secret } = await enrol(chat, ada, Date.now())
    await page.goto(`${chat.url}/app`)
    await type(page, 'Username', 'ada')
    await type(page, 'Password', PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Second step' }).waitFor()
    await type(page, 'Code', codeAt(secret, Date.now() + 30_000))
    await press(page, 'Continue')
    await composer(page).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  })

  test('removes what it has announced of a user whose account is erased', async () => {
    const { chat, tab, page } = await start()
    const { token } = await chat.register('bob')
    await enterAs(tab, chat.url, 'ada')
    await chat.call('POST', '/api/chat/rooms/general/messages', { token, body: { content: 'my secret' } })
    await page.getByRole('status').filter({ hasText: 'bob: my secret' }).waitFor({ state: 'attached' })
    await chat.call('DELETE', '/api/users/me', { token, body: { erase: true } })
    await page
      .getByText(/deleted user/)
      .first()
      .waitFor()
    await expect.poll(() => page.content()).not.toMatch(/my secret|>bob/)
  })

  test('verifies an address and sets a new password by the links of mails, without keeping their tokens in the URL', async () => {
    const { chat, mails, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    await openAccount(page, 'E-mail')
    await type(page, 'New address', 'ada@example.com')
    await press(page, 'Send a mail to this address')
    await page.getByText('Open the link in the mail').waitFor()
    await page.keyboard.press('Escape')
    await page.evaluate(`location.hash = '${await linkIn(mails, 'verify')}'`)
    await page.getByRole('heading', { name: 'Verify your e-mail' }).waitFor()
    expect(page.url()).toBe(`${chat.url}/app`)
    await press(page, 'Verify the address')
    await page.getByRole('heading', { name: 'E-mail verified' }).waitFor()
    await press(page, 'Continue')
    await composer(page).waitFor()
    await press(page, 'Log out')
    await press(page, 'Forgot your password?')
    await type(page, 'E-mail', 'ada@example.com')
    await press(page, 'Send the link')
    await page.getByRole('heading', { name: 'Look at your mail' }).waitFor()
    await page.goto(`${chat.url}/docs`)
    await page.goto(`${chat.url}/app${await linkIn(mails, 'reset')}`)
    await type(page, 'New password', 'AnotherPass456')
    expect(page.url()).toBe(`${chat.url}/app`)
    await press(page, 'Set the password')
    await press(page, 'Continue')
    await logIn(tab, chat.url, 'ada', 'AnotherPass456')
  })

  test('adds a passkey and shows its recovery codes, logs in with it, and removes it', async () => {
    const port = await freePort()
    const publicUrl = `http://localhost:${port}`
    const { chat, tab, page } = await start({ port, settings: { publicUrl } })
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true
      }
    })
    await enterAs(tab, publicUrl, 'ada')
    await openAccount(page, 'Two-step login')
    await type(page, 'Name of the new passkey', 'My laptop')
    await press(page, 'Add a passkey')
    await page.getByRole('heading', { name: 'Save your recovery codes' }).waitFor()
    expect(await page.locator('.codes code').count()).toBe(10)
    await press(page, 'I have saved them')
    await page.getByText('10 of 10 are left').waitFor()
    await page.getByText('My laptop').waitFor()
    await chat.database.client.query(`update ${chat.database.schema}.passkeys set rp_id = 'old.example'`)
    await openAccount(page, 'Profile')
    await page.keyboard.press('Escape')
    await openAccount(page, 'Two-step login')
    await page.getByText('It was added at another address of the service').waitFor()
    await chat.database.client.query(`update ${chat.database.schema}.passkeys set rp_id = 'localhost'`)
    await page.keyboard.press('Escape')
    await press(page, 'Log out')
    await press(page, 'Log in with a passkey')
    await composer(page).waitFor()
    await openAccount(page, 'Two-step login')
    await press(page, 'Remove the passkey My laptop')
    await page.getByText('My laptop').waitFor({ state: 'detached' })
  })

  test('downloads the data of the user, and deletes the account', async () => {
    const { chat, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    await openAccount(page, 'Your data')
    const download = page.waitForEvent('download')
    await press(page, 'Download')
    expect((await download).suggestedFilename()).toBe('ada.ndjson')
    await type(page, 'Enter your username to confirm', 'ada')
    await press(page, 'Delete the account')
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    const { status } = await chat.call('POST', '/api/auth/login', { body: { username: 'ada', password: PASSWORD } })
    expect(status).toBe(401)
  })

  test('lets an administrator suspend and delete a user, invite somebody, and read the audit log', async () => {
    const { chat, tab, page } = await start({ settings: { registration: 'open' } })
    await chat.register('bob')
    await chat.database.client.query(`update ${chat.database.schema}.users set role = 'admin' where username = 'ada'`)
    await enterAs(tab, chat.url, 'ada')
    await press(page, 'Administration')
    await press(page, 'Manage bob')
    await press(page, 'Suspend')
    await page.locator('.mark', { hasText: 'suspended' }).waitFor()
    const login = { body: { username: 'bob', password: PASSWORD } }
    expect((await chat.call('POST', '/api/auth/login', login)).body).toMatchObject({ code: 'account_suspended' })
    await press(page, 'Restore')
    await page.locator('.mark', { hasText: 'suspended' }).waitFor({ state: 'detached' })
    await press(page, 'Delete…')
    await press(page, 'Delete bob')
    await page.getByRole('button', { name: 'Manage bob' }).waitFor({ state: 'detached' })
    await press(page, 'Invitations')
    await press(page, 'Create a link')
    const link = String(await page.locator('.note code').textContent())
    await press(page, 'Audit log')
    await page
      .getByText('user_suspended')
      .or(page.getByText(/suspend/))
      .first()
      .waitFor()
    const guest = await newTab()
    await guest.page.goto(link)
    await guest.page.getByRole('heading', { name: 'Create an account' }).waitFor()
    expect(guest.page.url()).toBe(`${chat.url}/app`)
    await type(guest.page, 'Username', 'carol')
    await type(guest.page, 'Password', PASSWORD)
    await press(guest.page, 'Create account')
    await composer(guest.page).waitFor()
  })

  test.each(['light', 'dark'] as const)(
    'has no serious findings of axe-core in the account and admin dialogs, at the width of a phone, in the %s theme',
    async colorScheme => {
      const { chat } = await start()
      await chat.database.client.query(`update ${chat.database.schema}.users set role = 'admin' where username = 'ada'`)
      const tab = await newTab({ viewport: { width: 360, height: 740 }, colorScheme, reducedMotion: 'reduce' })
      const { page } = tab
      await enterAs(tab, chat.url, 'ada')
      await press(page, 'Rooms')
      for (const section of ['Profile', 'Password', 'E-mail', 'Sessions', 'Your data', 'Two-step login']) {
        await openAccount(page, section)
        expect([section, await problemsOf(page)]).toEqual([section, []])
      }
      await setUpApp(page)
      expect(await problemsOf(page)).toEqual([])
      await press(page, 'I have saved them')
      await ageProof(chat)
      await press(page, 'Create new codes')
      await page.getByRole('heading', { name: 'Confirm that it’s you' }).waitFor()
      expect(await problemsOf(page)).toEqual([])
      await press(page, 'Cancel')
      await press(page, 'Close')
      await press(page, 'Administration')
      await type(page, 'Your password', PASSWORD)
      await press(page, 'Cancel')
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
      expect(await problemsOf(page)).toEqual([])
    }
  )
})
