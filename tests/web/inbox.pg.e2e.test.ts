/** Tests unread rooms, read receipts and pins in a real browser with the real service. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { composer, press, useBrowser } from '../support/account-page.ts'
import { enterAs } from '../support/browser.ts'
import { problemsOf } from '../support/page-problems.ts'
import { isAvailable } from '../support/requirements.ts'
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

describe.runIf(isAvailable('chromium'))('the inbox', { timeout: 300_000 }, () => {
  const { newTab, start } = useBrowser()

  test('shows who has read up to a message, and moves the receipt as the reader reads on', async () => {
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

  test('shows unread messages and mentions of rooms that are not open, in all tabs and in the title, until they are seen', async () => {
    const { chat, tab, page, ada, complaints } = await start()
    const bob = await chat.register('bob')
    const second = await newTab({ colorScheme: 'dark' })
    await enterAs(tab, chat.url, 'ada')
    await enterAs(second, chat.url, 'ada')

    // The room appears without a request of the page.
    const { room } = await call(chat, bob, 'POST', '/rooms', { visibility: 'private', title: 'Plans' })
    await post(chat, bob, room, 'Before ada')
    await call(chat, bob, 'PUT', `/rooms/${room}/members/${ada.id}`)
    await link(page, /^Plans/).waitFor()
    await post(chat, bob, room, 'First')
    await post(chat, bob, room, '@ada Second', { mentions: [ada.id] })
    const unread = /^Plans .*1 mention.*2 unread/
    await link(page, unread).waitFor()
    await link(second.page, unread).waitFor()
    await expect.poll(() => page.title()).toMatch(/^\(2\) /)
    expect(await problemsOf(second.page)).toEqual([])
    await expect.poll(() => page.locator('.rooms .title').first().textContent()).toBe('Plans')

    await link(page, unread).click()
    await bubble(page, 'Second').waitFor()
    const line = page.locator('.new-line')
    await line.waitFor()
    // The line is below the message that was posted before ada joined.
    expect(await page.locator('.group:has-text("Before ada") ~ .new-line').count()).toBe(1)
    expect(await problemsOf(page)).toEqual([])
    for (const one of [page, second.page]) {
      await expect.poll(() => link(one, /^Plans/).textContent()).toBe('Plans (private)')
    }
    await expect.poll(() => page.title()).toMatch(/^Plans/)

    await composer(page).fill('Answer')
    await page.keyboard.press('Enter')
    await line.waitFor({ state: 'detached' })
    await page.reload()
    await bubble(page, 'Answer').waitFor()
    expect(await line.count()).toBe(0)
    expect([...complaints, ...second.complaints]).toEqual([])
  })

  test('offers members for a mention who are not present in the room and have not written there', async () => {
    const { chat, tab, page, ada } = await start()
    const bob = await chat.register('bob')
    const other = await newTab()
    const { room } = await call(chat, ada, 'POST', '/rooms', { visibility: 'private', title: 'Plans' })
    await call(chat, ada, 'PUT', `/rooms/${room}/members/${bob.id}`)
    await enterAs(tab, chat.url, 'ada')
    await enterAs(other, chat.url, 'bob')
    await link(page, /^Plans/).click()
    await page.locator('.note-line', { hasText: 'You added bob' }).waitFor()
    await composer(page).fill('@bo')
    await page.getByRole('option', { name: 'bob' }).click()
    await composer(page).press('End')
    await page.keyboard.type('look')
    await page.keyboard.press('Enter')
    await link(other.page, /^Plans .*1 mention/).waitFor()
    // On a phone, where the list of rooms is closed, a mark shows that another room has unread messages.
    await other.page.setViewportSize({ width: 360, height: 740 })
    await other.page.locator('.head .unread-dot').waitFor()
    expect(await problemsOf(other.page)).toEqual([])
    await press(other.page, 'Rooms')
    await link(other.page, /^Plans/).click()
    await other.page.locator('.head .unread-dot').waitFor({ state: 'detached' })
  })

  test('marks a room as unread and hides direct messages with the keyboard, until the next message', async () => {
    const { chat, tab, page, ada, complaints } = await start()
    const bob = await chat.register('bob')
    const { room } = await call(chat, ada, 'POST', '/direct', { users: [bob.id] })
    await post(chat, bob, room, 'Hi')
    await enterAs(tab, chat.url, 'ada')
    const direct = link(page, /^bob/)
    await direct.click()
    await bubble(page, 'Hi').waitFor()
    await expect.poll(() => direct.textContent()).toBe('@bob')
    await direct.focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'Mark as unread' }).waitFor()
    expect(await problemsOf(page)).toEqual([])
    await page.keyboard.press('Enter')
    await link(page, 'bob marked as unread').waitFor()
    expect(await direct.evaluate('document.activeElement.textContent')).toContain('bob')
    // Opens another room, and then this room again, which removes the mark.
    await link(page, /^general/i).click()
    await link(page, 'bob marked as unread').click()
    await expect.poll(() => direct.textContent()).toBe('@bob')

    await direct.focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'Hide until the next message' }).click()
    await direct.waitFor({ state: 'detached' })
    await page.getByRole('textbox', { name: /^Message to general/i }).waitFor()
    await post(chat, bob, room, 'Still there?')
    await link(page, 'bob 1 unread').waitFor()
    expect(complaints).toEqual([])
  })

  test('pins a message with the keyboard, lists it, jumps to it and unpins it', async () => {
    const { chat, tab, page, ada, complaints } = await start({ settings: { messageRateLimit: 0 } })
    const { room } = await call(chat, ada, 'POST', '/rooms', { room: 'tea', title: 'Tea' })
    await post(chat, ada, room, 'Important')
    for (let at = 0; at < 60; at++) await post(chat, ada, room, `Message ${at}`)
    await enterAs(tab, chat.url, 'ada')
    await link(page, /^Tea/).click()
    await bubble(page, 'Message 59').waitFor()
    await page.locator('.list').focus()
    await page.keyboard.press('End')
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'Pin', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.locator('.note-line', { hasText: 'You pinned a message' }).waitFor()
    await page.locator('.line', { hasText: 'Message 59' }).locator('.pinned').waitFor()
    await call(chat, ada, 'PUT', `/rooms/${room}/pins/1`)

    await press(page, 'Pinned messages')
    await page.locator('.pins li', { hasText: 'Important' }).waitFor()
    expect(await page.locator('.pins li').count()).toBe(2)
    expect(await problemsOf(page)).toEqual([])
    await page.locator('.pins li', { hasText: 'Important' }).getByRole('button', { name: /^Show/ }).click()
    await bubble(page, 'Important').waitFor()
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toContain('Important')
    await press(page, 'Pinned messages')
    await page
      .locator('.pins li', { hasText: 'Important' })
      .getByRole('button', { name: /^Unpin/ })
      .click()
    await page.locator('.pins li', { hasText: 'Important' }).waitFor({ state: 'detached' })
    expect(complaints).toEqual([])
  })

  test('shows notifications only after the user has turned them on, without the text of the message', async () => {
    const { chat, ada } = await start()
    const bob = await chat.register('bob')
    const tab = await newTab({ permissions: ['notifications'] })
    const { page } = tab
    await page.addInitScript(`
      globalThis.shown = []
      globalThis.Notification = class {
        static permission = 'granted'
        static requestPermission = async () => 'granted'
        constructor (title, { body }) { shown.push(title + ': ' + body) }
      }`)
    await enterAs(tab, chat.url, 'ada')
    const { room } = await call(chat, bob, 'POST', '/direct', { users: [ada.id] })
    await page.evaluate('document.hasFocus = () => false')
    await post(chat, bob, room, 'secret one')
    await link(page, 'bob 1 unread').waitFor()
    expect(await page.evaluate('shown')).toEqual([])

    await page.getByRole('button', { name: /Account$/ }).click()
    await press(page, 'Notifications')
    await press(page, 'Turn on')
    await page.getByText('Notifications are on.').waitFor()
    expect(await problemsOf(page)).toEqual([])
    await post(chat, bob, room, 'secret two')
    await expect.poll(() => page.evaluate('shown')).toEqual(['Chat: New message from bob'])
    await press(page, 'Turn off')
    await post(chat, bob, room, 'secret three')
    await link(page, 'bob 3 unread').waitFor({ state: 'attached' })
    expect(await page.evaluate('shown.length')).toBe(1)
  })
})
