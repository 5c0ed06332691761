/** Tests unread rooms, read receipts and pins in a real browser with the real service. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { composer, useBrowser } from '../support/account-page.ts'
import { enterAs, hasChromium } from '../support/browser.ts'
import { problemsOf } from '../support/page-problems.ts'
import type { Person, RunningChat } from '../support/start-chat.ts'

const link = (page: Page, name: string | RegExp) => page.getByRole('link', { name })
const bubble = (page: Page, text: string) => page.locator('.bubble', { hasText: text })

/** Calls the HTTP API as a user. Returns the body. */
const call = async (chat: RunningChat, { token }: Person, method: string, path: string, body?: object) => {
  const response = await chat.call(method, `/api/chat${path}`, { token, ...(body ? { body } : {}) })
  expect(response.status, JSON.stringify(response.body)).toBeLessThan(300)
  return response.body
}
const post = (chat: RunningChat, person: Person, room: string, content: string, more: object = {}) =>
  call(chat, person, 'POST', `/rooms/${room}/messages`, { content, ...more })

describe.skipIf(!hasChromium())('the inbox', { timeout: 300_000 }, () => {
  const { newTab, start } = useBrowser()

  test('shows who has read up to a message, and moves as the reader reads on', async () => {
    const { chat, tab, page, ada, complaints } = await start()
    const bob = await chat.register('bob')
    const { room } = await call(chat, ada, 'POST', '/rooms', { visibility: 'private', title: 'Plans' })
    await call(chat, ada, 'PUT', `/rooms/${room}/members/${bob.id}`)
    await post(chat, ada, room, 'First')
    await enterAs(tab, chat.url, 'ada')
    await link(page, /^Plans/).click()
    await bubble(page, 'First').waitFor()
    expect(await page.locator('.readers').count()).toBe(0)

    const other = await newTab({ colorScheme: 'dark' })
    await enterAs(other, chat.url, 'bob')
    await link(other.page, /^Plans/).click()
    await page.locator('.line', { hasText: 'First' }).locator('.readers', { hasText: 'Read by bob' }).waitFor()
    await composer(page).fill('Second')
    await page.keyboard.press('Enter')
    await page.locator('.line', { hasText: 'Second' }).locator('.readers', { hasText: 'Read by bob' }).waitFor()
    expect(await page.locator('.readers').count()).toBe(1)
    expect([...(await problemsOf(page)), ...(await problemsOf(other.page))]).toEqual([])
    expect([...complaints, ...other.complaints]).toEqual([])
  })
})
