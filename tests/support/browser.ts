/** Runs headless Chromium for tests of the page. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { chromiumPath, completeChromiumPath } from './programs.ts'
import type { RunningChat } from './start-chat.ts'

/** Starts Chromium. If `isComplete` is true, does not use the headless shell, which cannot show notifications. */
export const launchChromium = ({ isComplete = false } = {}): Promise<Browser> =>
  chromium.launch({
    executablePath: (isComplete ? completeChromiumPath : chromiumPath) ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      // Adds the host name chat.test for tests of insecure origins. Browsers treat plain HTTP on localhost as secure.
      '--host-resolver-rules=MAP chat.test 127.0.0.1'
    ]
  })

/**
 * A page with its own storage. `complaints` contains the page's uncaught errors, and the errors and warnings in its console,
 * including violations of the CSP.
 */
export interface Tab {
  readonly page: Page
  readonly complaints: string[]
}

export const openTab = async (browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(`uncaught: ${error.message}`))
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  return { page, complaints }
}

/** Logs in a registered user with a request from the page, and reloads the page. This is faster than the login form. */
export const enterAs = async (
  { page }: Tab,
  url: string,
  username: string,
  password = 'SecurePass123'
): Promise<void> => {
  await page.goto(`${url}/app`)
  await page.evaluate(logInByCookie, { username, password })
  await page.reload()
  await page.getByRole('textbox', { name: /^Message to/ }).waitFor()
}

/** Logs in from the page. Playwright runs this function in the browser. */
const logInByCookie = async (credentials: { username: string; password: string }): Promise<void> => {
  const response = await fetch('api/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...credentials, cookie: true, remember: true })
  })
  if (!response.ok) throw new Error(await response.text())
  const { localStorage } = globalThis as unknown as { localStorage: { setItem(key: string, value: string): void } }
  localStorage.setItem('fastify-chat:user', JSON.stringify({ username: credentials.username }))
}

/** Ends all sessions, with the same effect as their expiry. */
export const endSessions = async ({ database }: Pick<RunningChat, 'database'>): Promise<void> =>
  void (await database.client.query(`delete from ${database.schema}.sessions`))

/** Loads the page and logs in a registered user. */
export const logIn = async ({ page }: Tab, url: string, username: string, password: string): Promise<void> => {
  await page.goto(`${url}/app`)
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
  await page.getByRole('textbox', { name: /^Message to/ }).waitFor()
}
