/** Opens the page of a running service, and operates its login, its account dialog and its view for administrators. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { launchChromium, openTab, type Tab } from './browser.ts'
import { freePort } from './free-port.ts'
import { PASSWORD, type RunningChat, type StartOptions, startChat } from './start-chat.ts'
import { codeAt } from './two-factor.ts'

export const composer = (page: Page) => page.getByRole('textbox', { name: /^Message to/ })
export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click()
export const type = (page: Page, label: string, text: string): Promise<void> =>
  page.getByLabel(label, { exact: true }).fill(text)
export const heading = (page: Page, name: string): Promise<void> => page.getByRole('heading', { name }).waitFor()

/** Launches a browser for the tests of a file. Returns the functions that open pages in it. */
export const useBrowser = () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  const newTab = async (options: BrowserContextOptions = {}): Promise<Tab> => {
    const tab = await openTab(browser, options)
    onTestFinished(() => tab.page.context().close())
    return tab
  }
  /** Starts a service with the user ada, and opens a tab. Collects the mails of the service. */
  const start = async (options: StartOptions = {}) => {
    const mails: string[] = []
    const chat = await startChat({ printMail: text => mails.push(text), ...options })
    const ada = await chat.register('ada')
    const tab = await newTab()
    return { chat, mails, ada, tab, page: tab.page, complaints: tab.complaints }
  }
  /**
   * Starts a service at http://localhost, because passkeys need a secure context, and browsers treat this host as secure. Adds
   * an authenticator to the tab.
   */
  const startWithAuthenticator = async () => {
    const port = await freePort()
    const publicUrl = `http://localhost:${port}`
    const started = await start({ port, settings: { publicUrl } })
    const devtools = await started.page.context().newCDPSession(started.page)
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
    return { ...started, publicUrl }
  }
  return { newTab, start, startWithAuthenticator }
}

export const makeAdmin = ({ database }: RunningChat, username: string): Promise<unknown> =>
  database.client.query(`update ${database.schema}.users set role = 'admin' where username = $1`, [username])

export const openAccount = async (page: Page, section: string): Promise<void> => {
  if ((await page.getByRole('heading', { name: 'Account' }).count()) === 0) {
    await page.getByRole('button', { name: /Account$/ }).click()
  }
  await press(page, section)
}

/** Sets the time of every proof of identity to an hour ago, so that the next protected call needs another proof. */
export const ageProof = ({ database }: RunningChat): Promise<unknown> =>
  database.client.query(`update ${database.schema}.sessions set proven_at = now() - interval '1 hour'`)

export const confirm = async (page: Page): Promise<void> => {
  await type(page, 'Your password', PASSWORD)
  await press(page, 'Confirm')
}

/** Enters the name and the password of ada in the login form, and submits the form. */
export const enterPassword = async (page: Page): Promise<void> => {
  await type(page, 'Username', 'ada')
  await type(page, 'Password', PASSWORD)
  await page.keyboard.press('Enter')
}

/** Waits until the mails contain `count` links for `purpose`. Returns the fragment of the newest of these links. */
export const linkIn = async (mails: readonly string[], purpose: string, count = 1): Promise<string> => {
  const find = () => mails.flatMap(text => new RegExp(`#${purpose}=[\\w.-]+`).exec(text)?.[0] ?? [])
  await expect.poll(() => find().length).toBeGreaterThanOrEqual(count)
  return String(find().at(-1))
}

/** Sets up an authenticator app in the account dialog. Returns its secret and the recovery codes. */
export const setUpApp = async (page: Page) => {
  await openAccount(page, 'Two-step login')
  await press(page, 'Set up an app')
  await page.getByRole('img', { name: 'The key as a QR code' }).waitFor()
  const secret = String(await page.locator('.section-form code').first().textContent()).replaceAll(' ', '')
  await type(page, 'Code that the app shows', codeAt(secret, Date.now()))
  await press(page, 'Turn on')
  await heading(page, 'Save your recovery codes')
  const codes = await page.locator('.codes code').allTextContents()
  return { secret, codes }
}
