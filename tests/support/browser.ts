/** Headless Chromium for tests of the page. Where there is none they are left out, loudly; under CI=true that is a failure. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The path of the browser, if this machine has one; `CHROMIUM` names another. */
export const chromiumPath = places.find(place => place !== undefined && existsSync(place))

/** Says so where there is no browser; answers whether there is one. */
export const hasChromium = (): boolean => {
  if (chromiumPath !== undefined) return true
  const reason = 'No Chromium was found (apt-get install chromium, or its path in CHROMIUM)'
  if (process.env.CI === 'true') throw new Error(`${reason}, and under CI=true every test must run.`)
  process.stderr.write(`\n*** SKIPPED: the tests of the page. ${reason}. ***\n\n`)
  return false
}

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run'
    ]
  })

/** A page with a storage of its own, and everything that it complained of: errors, and what its policy refused. */
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

/** Loads the page as somebody whose access token it has already. */
export const enterAs = async ({ page }: Tab, url: string, username: string, token: string): Promise<void> => {
  const session = JSON.stringify({ username, token })
  await page.addInitScript(`sessionStorage.getItem('visited') || sessionStorage.setItem('fastify-chat:session', ${JSON.stringify(session)})
sessionStorage.setItem('visited', 'yes')`)
  await page.goto(`${url}/app`)
  await page.getByRole('textbox', { name: /^Message to/ }).waitFor()
}

/** Loads the page and logs somebody in who has registered before. */
export const logIn = async ({ page }: Tab, url: string, username: string, password: string): Promise<void> => {
  await page.goto(`${url}/app`)
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
  await page.getByRole('textbox', { name: /^Message to/ }).waitFor()
}
