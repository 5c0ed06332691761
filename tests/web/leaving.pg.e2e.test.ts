/** Tests the data that the page stores for a user. The data survives a reload. All tabs remove the data when the session ends. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { endSessions, enterAs, launchChromium, logIn, openTab, type Tab } from '../support/browser.ts'
import { isAvailable } from '../support/requirements.ts'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'

let browser: Browser

const composer = (page: Page) => page.getByRole('textbox', { name: /^Message to/ })
const stored = (page: Page): Promise<string[]> =>
  page.evaluate(`[...Object.keys(sessionStorage), ...Object.keys(localStorage)].sort()`)

/** Starts a service with two users and two rooms, and opens a browser tab with an empty storage. */
const start = async (options = {}) => {
  const chat = await startChat()
  const ada = await chat.register('ada')
  await chat.register('bob')
  await chat.call('POST', '/api/chat/rooms', { token: ada.token, body: { room: 'tea', title: 'Tea' } })
  const tab = await openTab(browser, options)
  onTestFinished(() => tab.page.context().close())
  return { chat, ...tab, tab }
}

/** Types a draft in each room, so that the page stores data of the user. */
const leaveTraces = async (page: Page): Promise<void> => {
  await composer(page).fill('an unfinished secret')
  await page.evaluate(`location.hash = 'tea'`)
  await page.getByRole('textbox', { name: 'Message to Tea' }).fill('another secret')
}

/** Ends all sessions, with the same effect as their expiry. Waits until the page reports the end of the session. */
const expire = async (chat: RunningChat, page: Page): Promise<void> => {
  await endSessions(chat)
  await page.getByText('Your session has ended').waitFor()
}

const enterPassword = async ({ page }: Tab): Promise<void> => {
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.keyboard.press('Enter')
  await composer(page).waitFor()
}

const logOut = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
}

describe.runIf(isAvailable('chromium'))('the page', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('keeps a draft per room over a reload and over Back', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await leaveTraces(page)
    await page.reload()
    await page.getByRole('textbox', { name: 'Message to Tea' }).waitFor()
    expect(await composer(page).inputValue()).toBe('another secret')
    await page.goto(`${chat.url}/docs`)
    await page.goBack()
    await page.goBack()
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    expect(await composer(page).inputValue()).toBe('an unfinished secret')
  })

  test('shows the room of a Back that comes right after the first rendering', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    // The script runs after the chat was rendered, but before the effects of the chat add their listeners.
    await page.addInitScript(`new MutationObserver((_, observer) => {
      if (!document.querySelector('textarea')) return
      observer.disconnect()
      history.replaceState(null, '', '#tea')
    }).observe(document, { childList: true, subtree: true })`)
    await page.reload()
    await page.getByRole('textbox', { name: 'Message to Tea' }).waitFor()
  })

  test('stores nothing of a user after the log-out, and shows nothing of that user to the next user', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await page.evaluate(
      `sessionStorage.setItem('host-application', '1'); localStorage.setItem('host-application', '1')`
    )
    await leaveTraces(page)
    expect((await stored(page)).length).toBeGreaterThan(4)
    await logOut(page)
    await expect.poll(() => stored(page)).toEqual(['host-application', 'host-application'])
    expect(await page.getByLabel('Username').inputValue()).toBe('')
    expect(new URL(page.url()).hash).toBe('')
    await page.getByLabel('Username').fill('bob')
    await enterPassword(tab)
    for (const name of ['General', 'Tea']) {
      await page.getByRole('link', { name }).click()
      await page.getByRole('textbox', { name: `Message to ${name}` }).waitFor()
      expect(await composer(page).inputValue()).toBe('')
    }
    expect((await stored(page)).filter(key => key.includes('ada'))).toEqual([])
  })

  test('stores nothing after a session has expired, and restores the drafts for the same user, regardless of the case of the name', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await composer(page).fill('to delete')
    await page.keyboard.press('Enter')
    await page.locator('.stored', { hasText: 'to delete' }).waitFor()
    await leaveTraces(page)
    await page.getByRole('link', { name: 'General' }).click()
    await page.locator('.stored', { hasText: 'to delete' }).hover()
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page.goBack()
    await expire(chat, page)
    expect(await stored(page)).toEqual([])
    await page.getByLabel('Username').fill(' Ada ')
    await enterPassword(tab)
    await page.getByRole('textbox', { name: 'Message to Tea' }).waitFor()
    expect(await composer(page).inputValue()).toBe('another secret')
    // The page sent the deletion when the session ended, without waiting for the end of the time to undo.
    const { token } = await chat.register('cat')
    const texts = async (): Promise<unknown[]> => {
      const { body } = await chat.call('GET', '/api/chat/rooms/general/messages?view=messages', { token })
      return body.messages.map(({ content }: { content: unknown }) => content)
    }
    await expect.poll(texts).toEqual([null])
  })

  test('shows nothing of an expired session to another user', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await leaveTraces(page)
    await expire(chat, page)
    await page.getByLabel('Username').fill('bob')
    await enterPassword(tab)
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    expect(await composer(page).inputValue()).toBe('')
    expect((await stored(page)).filter(key => key.includes('ada'))).toEqual([])
  })

  test('logs out in every tab of the browser', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    const another = await page.context().newPage()
    await another.goto(`${chat.url}/app`)
    await composer(another).waitFor()
    await leaveTraces(another)
    await logOut(page)
    await another.getByRole('heading', { name: 'Welcome back' }).waitFor()
    expect((await stored(another)).filter(key => key.includes('ada'))).toEqual([])
    await expect.poll(() => page.context().cookies()).toEqual([])
  })

  test('shows the other user in every tab after another user has logged in, and sends nothing for the wrong user', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await composer(page).fill('a secret of ada')
    const second = await page.context().newPage()
    await enterAs({ page: second, complaints: [] }, chat.url, 'bob')
    await page.getByRole('button', { name: /^bob/ }).waitFor()
    await composer(page).waitFor()
    expect(await composer(page).inputValue()).toBe('')
  })

  test('repeats a log-out that the service has not received, as soon as the service can be reached', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await page.route('**/api/auth/logout', route => route.abort())
    await logOut(page)
    expect(await page.context().cookies()).toHaveLength(1)
    await page.unroute('**/api/auth/logout')
    await page.reload()
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    await expect.poll(() => page.context().cookies()).toEqual([])
  })

  test('shows the login when the page is restored from the back/forward cache after a log-out', async () => {
    const { chat, page, tab } = await start()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await page.evaluate(`localStorage.clear()
dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  })

  test('works in a browser that blocks storage', async () => {
    const { chat, page, tab, complaints } = await start()
    await page.addInitScript(`for (const name of ['sessionStorage', 'localStorage'])
  Object.defineProperty(window, name, { get() { throw new DOMException('blocked', 'SecurityError') } })`)
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await leaveTraces(page)
    await page.getByRole('link', { name: 'General' }).click()
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    expect(await composer(page).inputValue()).toBe('an unfinished secret')
    await logOut(page)
    expect(complaints).toEqual([])
  })
})
