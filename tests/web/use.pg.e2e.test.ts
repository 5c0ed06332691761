/**
 * Tests the accessibility of the page: use by keyboard alone, screen readers (the rules of axe-core), both themes, and phones.
 */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { endSessions, enterAs, launchChromium, openTab } from '../support/browser.ts'
import { problemsOf } from '../support/page-problems.ts'
import { isAvailable } from '../support/requirements.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

let browser: Browser

/**
 * Maximum number of presses of Tab. This allows two rounds through all controls, because the focus may return to the start
 * while the page renders.
 */
const MAX_PRESSES = 60

/** Presses Tab until the control with the name has the focus. */
const tabTo = async (page: Page, name: string): Promise<void> => {
  for (let presses = 0; presses < MAX_PRESSES; presses++) {
    const focused = page.locator(':focus')
    const label = (await focused.count()) === 1 ? await focused.evaluate(labelOf) : ''
    if (label.includes(name)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${MAX_PRESSES} presses of Tab did not reach ${name}.`)
}

/** Runs in the browser. Returns the name of a control. */
const labelOf = (element: {
  labels?: ArrayLike<{ textContent: string }>
  textContent: string
  getAttribute(name: string): string | null
}): string => element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent

describe.runIf(isAvailable('chromium'))('the page', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('can be used by keyboard alone: register, create a room, send, change the room, log out', async () => {
    const chat = await startChat()
    const { page, complaints } = await openTab(browser)
    onTestFinished(() => page.context().close())
    await page.goto(`${chat.url}/`)
    expect(page.url()).toBe(`${chat.url}/app`)
    await page.locator('input:focus').waitFor()
    await tabTo(page, 'Register')
    await page.keyboard.press('Enter')
    await tabTo(page, 'Username')
    await page.keyboard.type('ada')
    await tabTo(page, 'Password')
    await page.keyboard.type('secure')
    expect(await page.locator('.rules .met').allTextContents()).toEqual([
      '3 to 50 characters (met)',
      'only A–Z, a–z, 0–9, _ and - (met)',
      'a lower-case letter (met)'
    ])
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('Password must have a digit.').waitFor()
    expect(complaints.splice(0)).toEqual([expect.stringContaining('422')])
    await page.keyboard.press('Control+a')
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    await page.locator('textarea:focus').waitFor()
    await tabTo(page, 'New room')
    await page.keyboard.press('Enter')
    await page.locator('dialog input:focus').waitFor()
    await page.keyboard.type('Tea & Cake')
    await page.getByText('#tea-cake').waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: 'Message to Tea & Cake' }).waitFor()
    await page.locator('textarea:focus').waitFor()
    await page.keyboard.type('First')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('and second line')
    await page.keyboard.press('Enter')
    await page.locator('.line.stored').getByText('First\nand second line').waitFor()
    await tabTo(page, 'General')
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    await tabTo(page, 'Log out')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    await expect.poll(() => page.context().cookies()).toEqual([])
    await expect.poll(() => page.evaluate('sessionStorage.length + localStorage.length')).toBe(0)
    expect(complaints).toEqual([])
  })

  test('keeps the focus in the list of rooms when messages change the order of the rooms', async () => {
    const chat = await startChat()
    const { token } = await chat.register('ada')
    for (const room of ['one', 'two', 'three']) {
      await chat.call('POST', '/api/chat/rooms', { token, body: { room } })
      await chat.call('POST', `/api/chat/rooms/${room}/messages`, { token, body: { content: 'Hello' } })
    }
    const tab = await openTab(browser)
    const { page } = tab
    onTestFinished(() => page.context().close())
    await enterAs(tab, chat.url, 'ada')
    const links = page.locator('.rooms a')
    await expect.poll(() => links.count()).toBe(4)
    for (const at of [0, 1, 2])
      for (const from of [1, 2]) {
        const focused = await links.nth(at).getAttribute('href')
        const moved = (await links.nth(from).getAttribute('href')) ?? ''
        await links.nth(at).focus()
        await chat.call('POST', `/api/chat/rooms/${moved.slice(1)}/messages`, { token, body: { content: 'Hello' } })
        await expect.poll(() => links.first().getAttribute('href')).toBe(moved)
        const label = `the focus on room ${at} when room ${from} moves`
        expect.soft(await page.evaluate('document.activeElement.getAttribute("href")'), label).toBe(focused)
      }
  })

  test('shows the service’s message for a wrong password, and the form after a session has ended', async () => {
    const chat = await startChat()
    await chat.register('ada')
    const tab = await openTab(browser)
    const { page } = tab
    onTestFinished(() => page.context().close())
    await page.goto(`${chat.url}/app`)
    await page.locator('input:focus').waitFor()
    await page.keyboard.type('ada')
    await page.keyboard.press('Tab')
    await page.keyboard.type('WrongPass123')
    await page.keyboard.press('Enter')
    const { body } = await chat.call('POST', '/api/auth/login', { body: { username: 'ada', password: 'WrongPass123' } })
    await page.getByRole('alert').getByText(body.detail).waitFor()
    await enterAs(tab, chat.url, 'ada')
    await endSessions(chat)
    await page.getByText('Your session has ended').waitFor()
    expect(await page.getByLabel('Username').inputValue()).toBe('ada')
  })

  test.each(['light', 'dark'] as const)('has no findings of axe-core in the %s theme', async colorScheme => {
    const chat = await startChat()
    await chat.register('ada')
    const bob = await chat.join(await chat.register('bob'))
    for (const content of ['Hello, see https://a.example', 'שלום', 'x'.repeat(300)])
      bob.send({ type: 'message', content })
    const tab = await openTab(browser, { viewport: { width: 360, height: 740 }, colorScheme, reducedMotion: 'reduce' })
    const { page, complaints } = tab
    onTestFinished(() => page.context().close())
    await page.goto(`${chat.url}/app`)
    await page.getByRole('button', { name: 'Register' }).click()
    await page.getByLabel('Username').fill('ad')
    expect(await problemsOf(page)).toEqual([])
    await enterAs(tab, chat.url, 'ada')
    await page.getByText('xxx').first().waitFor()
    await page.getByRole('textbox', { name: /^Message to/ }).fill('Mine')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('.own .line.stored').waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    expect(await problemsOf(page)).toEqual([])
    await page.getByRole('button', { name: 'Rooms' }).click()
    await page.getByRole('button', { name: 'New room' }).waitFor()
    expect(await problemsOf(page)).toEqual([])
    await page.getByRole('button', { name: 'New room' }).click()
    await page.getByLabel('Title').fill('Tea')
    expect(await problemsOf(page)).toEqual([])
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.keyboard.press('Escape')
    expect(await problemsOf(page)).toEqual([])
    expect(complaints).toEqual([])
  })
})
