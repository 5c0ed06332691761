/** Tests hostile messages: misleading links, long texts, stacks of combining marks, and text directions. */
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { enterAs, launchChromium, openTab } from '../support/browser.ts'
import { isAvailable } from '../support/requirements.ts'
import { startChat } from '../support/start-chat.ts'

let browser: Browser

/** Opens the page as ada. The room contains the given messages of bob. */
const start = (...contents: string[]): Promise<Page> => open(contents)

/** Like `start`. `script` runs before the page loads. */
const open = async (contents: readonly string[], script = ''): Promise<Page> => {
  const chat = await startChat()
  const bob = await chat.register('bob')
  for (const content of contents) {
    await chat.call('POST', '/api/chat/rooms/general/messages', { token: bob.token, body: { content } })
  }
  const tab = await openTab(browser, { viewport: { width: 360, height: 740 } })
  onTestFinished(() => tab.page.context().close())
  await tab.page.addInitScript(script)
  await chat.register('ada')
  await enterAs(tab, chat.url, 'ada')
  await tab.page
    .locator('.bubble')
    .nth(contents.length - 1)
    .waitFor()
  return tab.page
}

describe.runIf(isAvailable('chromium'))('a message', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('is removed from the list and the announcements when the account of its author is erased', async () => {
    const chat = await startChat()
    const { token } = await chat.register('bob')
    await chat.register('ada')
    const tab = await openTab(browser)
    onTestFinished(() => tab.page.context().close())
    const { page } = tab
    await enterAs(tab, chat.url, 'ada')
    // Sends messages until one is announced, because messages that arrive while the page loads its history are not announced.
    const announced = page.getByRole('status').filter({ hasText: 'bob: my secret' })
    const send = async () => {
      await chat.call('POST', '/api/chat/rooms/general/messages', { token, body: { content: 'my secret' } })
      return announced.count()
    }
    await expect.poll(send, { interval: 500 }).toBe(1)
    await chat.call('DELETE', '/api/users/me', { token, body: { erase: true } })
    await page
      .getByText(/deleted user/)
      .first()
      .waitFor()
    await expect.poll(() => page.content()).not.toMatch(/my secret|>bob/)
  })

  test('shows the real host of a link that shows another host', async () => {
    const page = await start(
      'https://аррӏе.com/login and https://bank.example@evil.example/',
      'https://plain.example/a'
    )
    expect(await page.locator('.target').allTextContents()).toEqual([
      ' leads to xn--80ak6aa92e.com',
      ' leads to evil.example'
    ])
    const [first] = await page.locator('.bubble a').all()
    expect(await first?.getAttribute('href')).toBe('https://xn--80ak6aa92e.com/login')
    expect(await first?.getAttribute('dir')).toBe('ltr')
  })

  test('collapses a message of 1,400 lines, and expands and collapses it by keyboard with the button in view', async () => {
    const page = await start('before', Array.from({ length: 1400 }, (_, line) => line % 10).join('\n'), 'after')
    const bubble = page.locator('.bubble').nth(1)
    const height = async () => (await bubble.boundingBox())?.height ?? 0
    expect(await height()).toBeLessThan(500)
    const more = page.getByRole('button', { name: 'Show more' })
    expect(await more.getAttribute('aria-expanded')).toBe('false')
    await more.focus()
    await page.keyboard.press('Enter')
    expect(await height()).toBeGreaterThan(10_000)
    const less = page.getByRole('button', { name: 'Show less' })
    expect(await less.getAttribute('aria-expanded')).toBe('true')
    await page.evaluate(axe.source)
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
    expect(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')).toEqual([])
    await less.focus()
    await page.keyboard.press('Enter')
    expect(await height()).toBeLessThan(500)
    const box = await more.boundingBox()
    expect(box && box.y >= 0 && box.y < 740).toBe(true)
  })

  test('does not scroll the button of a long message into view when the message is shown first', async () => {
    const long = Array.from({ length: 1400 }, (_, line) => line % 10).join('\n')
    const page = await open(
      [long, 'after'],
      `window.scrolled = []
      const { scrollIntoView } = Element.prototype
      Element.prototype.scrollIntoView = function (...given) {
        window.scrolled.push(this.className)
        return scrollIntoView.apply(this, given)
      }`
    )
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(1)
    expect(await page.evaluate('window.scrolled')).not.toContain('fold')
  })

  test('paints nothing of a message with thousands of combining marks outside of its bubble', async () => {
    const page = await start('before', `Z${'\u0301\u0323\u0334'.repeat(1000)}`, 'after')
    const bubble = page.locator('.bubble').nth(1)
    expect(await bubble.evaluate(`getComputedStyle(document.querySelectorAll('.bubble')[1]).overflow`)).toBe('hidden')
    expect((await bubble.boundingBox())?.height).toBeLessThan(200)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
  })

  test('does not change the direction of anything outside of a message with direction overrides', async () => {
    const plain = await start('plain', 'after')
    const turned = await start('\u202e\u2067\u202eplain', 'after')
    const places = (page: Page) =>
      page.evaluate(`[...document.querySelectorAll('time, .who, .bubble')].slice(0, 2).concat(
  document.querySelectorAll('.bubble')[1]).map(one => Math.round(one.getBoundingClientRect().left))`)
    expect(await places(turned)).toEqual(await places(plain))
    expect(await turned.evaluate(`getComputedStyle(document.querySelector('.bubble')).unicodeBidi`)).toBe('plaintext')
  })
})
