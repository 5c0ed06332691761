/** Operates the page of one person in a browser. */
import type { Browser, Locator, Page } from 'playwright-core'
import { openTab } from '../support/browser.ts'
import { TIMEOUT_MS, until } from './until.ts'

export const PASSWORD = 'SecurePass123'

export interface PersonPage {
  readonly page: Page
  /** Uncaught errors, and errors and warnings in the console. */
  readonly complaints: string[]
  logIn(username: string): Promise<void>
  /** Presses the button with exactly this name. */
  press(name: string): Promise<void>
  fill(label: string, text: string): Promise<void>
  /** Returns the link to a room. The name of the link contains the counts of unread messages and mentions. */
  link(name: string | RegExp): Locator
  open(title: string): Promise<void>
  composer(): Locator
  /** Sends a message, and waits until it is stored. */
  say(text: string): Promise<void>
  line(text: string): Locator
  /** The line about a change of the room or of its members. */
  note(text: string): Locator
  /** Waits until a message is shown. */
  sees(text: string): Promise<void>
  /** Chooses an item from the menu of a message. */
  choose(text: string, item: string | RegExp): Promise<void>
  /** Opens a section of the dialog with the details of the room. */
  details(section: string): Promise<void>
}

/** Records the notifications that the page shows, and lets the browser show them as well. */
const RECORD_NOTIFICATIONS = `
  globalThis.shown = []
  const Shown = Notification
  globalThis.Notification = class extends Shown {
    constructor (title, options) {
      super(title, options)
      shown.push(title + ': ' + options.body)
    }
  }`

/** Opens the page of a service in a browser context of its own. */
export const openPage = async (browser: Browser, url: string, path = '/app'): Promise<PersonPage> => {
  const { page, complaints } = await openTab(browser, { permissions: ['notifications'] })
  page.setDefaultTimeout(TIMEOUT_MS)
  await page.addInitScript(RECORD_NOTIFICATIONS)
  await page.goto(`${url}${path}`)
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const line = (text: string) => page.locator('.line', { has: page.locator('.bubble', { hasText: text }) }).last()
  const composer = () => page.getByRole('textbox', { name: /^Message to/ })
  const link = (name: string | RegExp) => page.locator('#rooms').getByRole('link', { name })
  const press = (name: string): Promise<void> => button(name).click()
  const fill = (label: string, text: string): Promise<void> => page.getByLabel(label, { exact: true }).fill(text)
  return {
    page,
    complaints,
    press,
    fill,
    link,
    line,
    composer,
    async logIn(username) {
      await fill('Username', username)
      await fill('Password', PASSWORD)
      await page.keyboard.press('Enter')
      await composer().waitFor()
    },
    async open(title) {
      await link(new RegExp(`^[#@]?${title}`, 'i')).click()
      await page.getByRole('textbox', { name: new RegExp(`^Message to ${title}`, 'i') }).waitFor()
    },
    async say(text) {
      await composer().fill(text)
      await page.keyboard.press('Enter')
      await line(text).and(page.locator('.stored')).waitFor()
    },
    note: text => page.locator('.note-line', { hasText: text }).last(),
    sees: text => line(text).waitFor(),
    async choose(text, item) {
      // Tries again after a failure, because the menu closes if the list of messages changes while the menu opens.
      await until(`the menu of “${text}” has ${item}`, async () => {
        await line(text).focus()
        await page.keyboard.press('Enter')
        await page.getByRole('menuitem', { name: item }).click({ timeout: 2000 })
        return true
      })
    },
    async details(section) {
      if ((await page.getByRole('dialog').count()) === 0) await press('Room details')
      await page.getByRole('dialog').getByRole('button', { name: section, exact: true }).click()
    }
  }
}
