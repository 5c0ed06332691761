/** Tests the page in a real browser with the real service: chat, restarts of the service, and hostile content. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Settings } from '../../src/config/settings.ts'
import { createServer } from '../../src/server.ts'
import { enterAs, launchChromium, openTab, type Tab } from '../support/browser.ts'
import { isAvailable } from '../support/requirements.ts'
import { type RunningChat, startChat } from '../support/start-chat.ts'

let browser: Browser

const enter = async (chat: RunningChat, username: string, options = {}): Promise<Tab> => {
  await chat.register(username)
  const tab = await openTab(browser, options)
  onTestFinished(() => tab.page.context().close())
  await enterAs(tab, chat.url, username)
  return tab
}

const composer = (page: Page) => page.getByRole('textbox', { name: /^Message to/ })
const bubbles = (page: Page) => page.locator('.bubble')
const say = async (page: Page, text: string): Promise<void> => {
  await composer(page).fill(text)
  await page.keyboard.press('Enter')
}

/** Stops the service. Returns a function that starts it again on the same port. */
const stop = async ({ server, url, settings, database }: RunningChat) => {
  await server.close()
  return async (changed: Partial<Settings> = {}): Promise<void> => {
    const again = await createServer({
      settings: { ...settings, ...changed },
      client: database.client,
      logTo: { write() {} }
    })
    onTestFinished(() => again.close())
    await again.listen({ host: '127.0.0.1', port: Number(new URL(url).port) })
  }
}

/** Makes the page reconnect at once, as when the device comes online again. */
const hurry = (page: Page): Promise<void> => page.evaluate(`dispatchEvent(new Event('online'))`)

const fillRoom = async (chat: RunningChat, count: number): Promise<void> => {
  const bob = await chat.join(await chat.register('bob'))
  for (let number = 1; number <= count; number++) bob.send({ type: 'message', content: `message ${number}` })
  while ((await bob.nextOf('message')).seq < count);
  bob.close()
}

describe.runIf(isAvailable('chromium'))('the page', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('shows each of two users the typing and the messages of the other user once', async () => {
    const chat = await startChat()
    const [ada, bob] = [await enter(chat, 'ada'), await enter(chat, 'bob')]
    // A typing event is sent only once, so both users must be connected before the event.
    for (const { page } of [ada, bob]) await page.getByRole('heading', { name: '2 people here' }).waitFor()
    await composer(ada.page).pressSequentially('Hel')
    await bob.page.getByText('ada is typing').waitFor()
    await say(ada.page, 'Hello, Bob')
    await bob.page.locator('.bubble', { hasText: 'Hello, Bob' }).waitFor()
    await say(bob.page, 'Hello, Ada')
    await ada.page.locator('.bubble', { hasText: 'Hello, Ada' }).waitFor()
    for (const { page } of [ada, bob])
      expect(await bubbles(page).allTextContents()).toEqual(['Hello, Bob', 'Hello, Ada'])
    expect([...ada.complaints, ...bob.complaints]).toEqual([])
  })

  test('shows markup as text, and renders links only for http and https', async () => {
    const chat = await startChat()
    const [ada, bob] = [await enter(chat, 'ada'), await enter(chat, 'bob')]
    const attack = '<img src=x onerror="window.hit = 1"><script>window.hit = 1</script>'
    await say(ada.page, attack)
    await say(ada.page, 'javascript:alert(1) and https://a.example/b?c=1#d.')
    const link = bob.page.locator('.bubble a')
    await link.waitFor()
    expect(await bubbles(bob.page).first().textContent()).toBe(attack)
    expect(await link.count()).toBe(1)
    expect(await link.getAttribute('href')).toBe('https://a.example/b?c=1#d')
    expect(await link.getAttribute('rel')).toBe('noopener noreferrer nofollow')
    for (const { page, complaints } of [ada, bob]) {
      expect(await page.evaluate('window.hit')).toBeUndefined()
      expect(await page.locator('#root img').count()).toBe(0)
      expect(complaints).toEqual([])
    }
  })

  test('sends messages that were written during a restart of the service once, after the restart', async () => {
    const chat = await startChat()
    // The window is not tall enough to show three messages.
    const ada = await enter(chat, 'ada', { viewport: { width: 768, height: 300 } })
    const bob = await enter(chat, 'bob')
    await say(ada.page, 'one')
    await bob.page.locator('.bubble', { hasText: 'one' }).waitFor()
    const restart = await stop(chat)
    await ada.page.getByText('Your messages will be sent').waitFor()
    await say(ada.page, 'two')
    await say(ada.page, 'three')
    expect(await ada.page.locator('.line.pending').count()).toBe(2)
    // While the page tries to connect, the newest message must stay in view, even if the banner changes.
    const retry = ada.page.waitForEvent('websocket')
    await hurry(ada.page)
    await retry
    await expect.poll(() => ada.page.locator('.line.pending').last().evaluate(isInView)).toBe(true)
    await ada.page.getByRole('button', { name: 'Newest' }).waitFor({ state: 'detached' })
    await restart()
    for (const { page } of [ada, bob]) {
      await hurry(page)
      await page.locator('.line.stored', { hasText: 'three' }).waitFor()
      expect(await bubbles(page).allTextContents()).toEqual(['one', 'two', 'three'])
      await page.getByText('Your messages will be sent').waitFor({ state: 'detached' })
    }
    await say(bob.page, 'four')
    await ada.page.locator('.bubble', { hasText: 'four' }).waitFor()
    const { body } = await chat.call('GET', '/api/chat/messages', { token: (await chat.register('eve')).token })
    expect(body.map(({ content }: { content: string }) => content)).toEqual(['one', 'two', 'three', 'four'])
  })

  test('shows why a message was refused, and sends it again or discards it', async () => {
    const chat = await startChat()
    const { page } = await enter(chat, 'ada')
    // Lowers the limit after the user has written the message, because the page refuses a message above the limit that it knows.
    const restart = await stop(chat)
    await page.getByText('Your messages will be sent').waitFor()
    await say(page, 'longer than it may be')
    await restart({ maxMessageLength: 10 })
    await hurry(page)
    const failure = page.locator('.failure')
    await failure.getByText(/^Not sent\. ./).waitFor()
    await failure.getByRole('button', { name: 'Try again' }).click()
    await failure.getByText(/^Not sent\. ./).waitFor()
    await failure.getByRole('button', { name: 'Discard' }).click()
    await failure.waitFor({ state: 'detached' })
    expect(await bubbles(page).count()).toBe(0)
  })

  test('reports a room that does not exist, with a link back', async () => {
    const chat = await startChat()
    const { page } = await enter(chat, 'ada')
    await page.evaluate(`location.hash = 'gone'`)
    await page.getByRole('link', { name: 'Go to #general' }).click()
    await composer(page).waitFor()
  })

  test('marks messages in other rooms as unread until the user opens the room', async () => {
    const chat = await startChat()
    const { page } = await enter(chat, 'ada')
    const bob = await chat.register('bob')
    await chat.call('POST', '/api/chat/rooms', { token: bob.token, body: { room: 'tea', title: 'Tea' } })
    await page.reload()
    await page.getByRole('link', { name: 'Tea' }).click()
    await page.getByRole('link', { name: 'General' }).click()
    await composer(page).waitFor()
    const body = { content: 'Earl Grey?' }
    await chat.call('POST', '/api/chat/rooms/tea/messages', { token: bob.token, body })
    await page.getByRole('link', { name: 'Tea 1 unread' }).click()
    await page.getByText('Earl Grey?').first().waitFor()
    await page.getByRole('link', { name: 'Tea', exact: true }).waitFor()
  })

  test('loads older messages on scrolling up without moving the view, and counts new messages on the button to the end', async () => {
    const chat = await startChat({ settings: { messageRateLimit: 0 } })
    await fillRoom(chat, 220)
    const { page, complaints } = await enter(chat, 'ada')
    await page.getByText('message 220', { exact: true }).waitFor()
    // The end of the list stays visible when the window becomes smaller.
    await page.setViewportSize({ width: 500, height: 500 })
    await expect.poll(() => page.getByText('message 220', { exact: true }).evaluate(isInView)).toBe(true)
    const list = page.getByRole('log')
    for (let loads = 0; loads < 3; loads++) {
      const before = await list.evaluate(lookAtTop)
      await bubbles(page).nth(before.count).waitFor({ state: 'attached' })
      const top = await page.getByText(before.text, { exact: true }).evaluate(topOf)
      expect(Math.abs(top - before.top)).toBeLessThanOrEqual(1)
    }
    const cy = await chat.join(await chat.register('cyd'))
    cy.send({ type: 'message', content: 'the newest' })
    await page.getByRole('button', { name: '1 new' }).click()
    await page.getByRole('button', { name: '1 new' }).waitFor({ state: 'detached' })
    await list.getByText('the newest').waitFor()
    expect(complaints).toEqual([])
  })

  // Measures CPU time, because elapsed time depends on the load of the machine.
  test('shows the first message after less than a second of CPU time', async () => {
    const chat = await startChat({ settings: { messageRateLimit: 0 } })
    await fillRoom(chat, 60)
    const { page } = await enter(chat, 'ada')
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' })
    await page.reload()
    await page.evaluate(`new Promise(done => {
      const look = () => document.querySelector('.bubble') ? done() : requestAnimationFrame(look)
      look()
    })`)
    const { metrics } = await devtools.send('Performance.getMetrics')
    const seconds = metrics.find(({ name }) => name === 'TaskDuration')?.value
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(1)
  })
})

/** Runs in the browser. Returns the vertical position of a line. */
const topOf = (line: { getBoundingClientRect(): DOMRectLike }): number => line.getBoundingClientRect().top

/** Runs in the browser. Returns whether the bottom of an element is at or above the bottom of the list. */
const isInView = (line: {
  getBoundingClientRect(): DOMRectLike
  closest(selector: string): { getBoundingClientRect(): DOMRectLike }
}): boolean => line.getBoundingClientRect().bottom <= line.closest('.list').getBoundingClientRect().bottom

/** Runs in the browser. Scrolls to a position near the top. Returns the text and position of the first visible line, and the line count. */
const lookAtTop = (box: {
  scrollTop: number
  getBoundingClientRect(): { top: number }
  querySelectorAll(selector: string): Iterable<{ textContent: string; getBoundingClientRect(): DOMRectLike }>
}): { readonly text: string; readonly top: number; readonly count: number } => {
  box.scrollTop = 10
  const edge = box.getBoundingClientRect().top
  const lines = [...box.querySelectorAll('.bubble')]
  const line = lines.find(one => one.getBoundingClientRect().bottom > edge)
  return { text: line?.textContent ?? '', top: line?.getBoundingClientRect().top ?? 0, count: lines.length }
}

interface DOMRectLike {
  readonly top: number
  readonly bottom: number
}
