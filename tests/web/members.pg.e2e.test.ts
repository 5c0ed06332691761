/** Tests private rooms, members and direct messages in a real browser with the real service. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { composer, press, type, useBrowser } from '../support/account-page.ts'
import { enterAs } from '../support/browser.ts'
import { problemsOf } from '../support/page-problems.ts'
import { isAvailable } from '../support/requirements.ts'
import type { Person, RunningChat } from '../support/start-chat.ts'

const room = (page: Page, name: string | RegExp) => page.getByRole('link', { name })
const note = (page: Page, text: string) => page.locator('.note-line', { hasText: text })
/** Returns the label of the element that has the focus, or an empty string if the element has no label. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(
    `document.activeElement.getAttribute('aria-label') ?? document.activeElement.labels?.[0]?.textContent ?? ''`
  )
/** Makes the page load the list of rooms, as when its window gets the focus. */
const refresh = (page: Page): Promise<void> => page.evaluate(`dispatchEvent(new Event('focus'))`)

/** Creates a private room of a user over HTTP. Returns the name of the room. */
const createPrivate = async (chat: RunningChat, { token }: Person, title: string): Promise<string> => {
  const body = { visibility: 'private', title }
  const response = await chat.call('POST', '/api/chat/rooms', { token, body })
  expect(response.status).toBe(201)
  return response.body.room
}

describe.runIf(isAvailable('chromium'))('members of rooms', { timeout: 300_000 }, () => {
  const { newTab, start } = useBrowser()

  test('lets a user create a private room by keyboard, add somebody, who sees the room, and remove the person again', async () => {
    const { chat, tab, page, complaints } = await start()
    await chat.register('bob')
    const bob = await newTab({ colorScheme: 'dark' })
    await enterAs(tab, chat.url, 'ada')
    await enterAs(bob, chat.url, 'bob')

    await page.getByRole('button', { name: 'New room' }).focus()
    await page.keyboard.press('Enter')
    await page.getByLabel('Title', { exact: true }).waitFor()
    await page.keyboard.type('Plans for May')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: 'Message to Plans for May' }).waitFor()
    await room(page, 'Plans for May (private)').waitFor()

    await press(page, 'Room details')
    await press(page, 'Add people')
    await type(page, 'Name begins with', 'bo')
    await page.getByRole('button', { name: 'Add bob' }).waitFor()
    expect(await problemsOf(page)).toEqual([])
    await press(page, 'Add bob')
    await page.getByText('bob is a member now.').waitFor()
    expect(await focused(page)).toBe('Name begins with')
    await press(page, 'Close')
    await note(page, 'You added bob').waitFor()

    await refresh(bob.page)
    await room(bob.page, /^Plans for May/).click()
    await note(bob.page, 'ada added you').waitFor()
    await composer(page).fill('Hello, Bob')
    await page.keyboard.press('Enter')
    await bob.page.locator('.bubble', { hasText: 'Hello, Bob' }).waitFor()
    expect(await problemsOf(bob.page)).toEqual([])

    await press(page, 'Room details')
    await press(page, 'Manage bob')
    await press(page, 'Make a moderator')
    await page.locator('.mark', { hasText: 'moderator' }).waitFor()
    expect(await focused(page)).toBe('Manage bob')
    await note(bob.page, 'ada made you a moderator').waitFor()
    await press(page, 'Manage bob')
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await problemsOf(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    await page.setViewportSize({ width: 1280, height: 800 })
    await press(page, 'Remove from the room')
    await page.getByRole('button', { name: 'Manage bob' }).waitFor({ state: 'detached' })
    // Only ada is still a member, so the focus moves to her button.
    expect(await focused(page)).toBe('Manage ada')
    await note(page, 'You removed bob').waitFor()

    await bob.page.getByText('You are no longer a member of this room.').waitFor()
    await room(bob.page, /^Plans for May/).waitFor({ state: 'detached' })
    expect(await bob.page.locator('.bubble').count()).toBe(0)
    expect(await bob.page.textContent('body')).not.toContain('Hello, Bob')
    expect(await problemsOf(bob.page)).toEqual([])

    // Ada adds bob again while bob’s page is still at the room.
    await press(page, 'Add people')
    await type(page, 'Name begins with', 'bob')
    await press(page, 'Add bob')
    await page.getByText('bob is a member now.').waitFor()
    await refresh(bob.page)
    await bob.page.locator('.bubble', { hasText: 'Hello, Bob' }).waitFor()
    await note(bob.page, 'ada removed you').waitFor()
    await bob.page.getByRole('link', { name: 'Go to #general' }).waitFor({ state: 'detached' })
    expect([...complaints, ...bob.complaints]).toEqual([])
  })

  test('opens direct messages from a search, and shows them as unread to the other person', async () => {
    const { chat, tab, page, complaints } = await start()
    await chat.register('bob')
    await chat.register('carol')
    const bob = await newTab({ colorScheme: 'dark' })
    await enterAs(tab, chat.url, 'ada')
    await enterAs(bob, chat.url, 'bob')

    await press(page, 'New direct message')
    await type(page, 'Name begins with', 'bo')
    await press(page, 'Choose bob')
    await type(page, 'Name begins with', 'car')
    await page.keyboard.press('Enter')
    await press(page, 'Choose carol')
    await page.getByRole('button', { name: 'Remove carol' }).waitFor()
    expect(await problemsOf(page)).toEqual([])
    await press(page, 'Remove carol')
    await press(page, 'Open')
    await page.getByRole('textbox', { name: 'Message to bob' }).waitFor()
    await composer(page).fill('Psst')
    await page.keyboard.press('Enter')
    await page.locator('.line.stored', { hasText: 'Psst' }).waitFor()

    await refresh(bob.page)
    await room(bob.page, 'ada 1 unread').click()
    await bob.page.locator('.bubble', { hasText: 'Psst' }).waitFor()
    await press(bob.page, 'Room details')
    await bob.page.locator('.members', { hasText: 'bob' }).waitFor()
    expect(await problemsOf(bob.page)).toEqual([])
    expect(await bob.page.getByRole('button', { name: /Leave|Manage|Add people|About/ }).count()).toBe(0)
    expect([...complaints, ...bob.complaints]).toEqual([])
  })

  test('lets an owner change the title and the topic, and a member leave', async () => {
    const { chat, ada, tab, page, complaints } = await start()
    const bob = await chat.register('bob')
    const name = await createPrivate(chat, bob, 'Old title')
    await chat.call('PUT', `/api/chat/rooms/${name}/members/${ada.id}`, { token: bob.token, body: { role: 'owner' } })
    await enterAs(tab, chat.url, 'ada')
    await room(page, /^Old title/).click()
    await press(page, 'Room details')
    await press(page, 'About')
    await type(page, 'Title', 'New title')
    await type(page, 'Topic', 'What is new')
    await press(page, 'Save')
    await page.getByText('Saved.').waitFor()
    await press(page, 'Close')
    await note(page, 'You changed the title to “New title” and changed the topic to “What is new”').waitFor()
    await page.getByRole('heading', { name: 'New title' }).waitFor()
    await page.locator('.topic', { hasText: 'What is new' }).waitFor()

    // The notes are still there after the page has been loaded again.
    await page.reload()
    await note(page, 'You changed the title').waitFor()
    await note(page, 'bob added you').waitFor()

    await press(page, 'Room details')
    await press(page, 'Leave the room…')
    await press(page, 'Leave')
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    expect(await room(page, /^New title/).count()).toBe(0)
    expect(complaints).toEqual([])
  })
  test('loads notes again that could not be loaded, and keeps the focus on an action that fails', async () => {
    const { chat, ada, tab, page, complaints } = await start()
    const bob = await chat.register('bob')
    const name = await createPrivate(chat, ada, 'Plans')
    await chat.call('PUT', `/api/chat/rooms/${name}/members/${bob.id}`, { token: ada.token })
    await enterAs(tab, chat.url, 'ada')
    let failures = 0
    await page.route(/\/log\?/, route => (failures++ === 0 ? route.abort() : route.continue()))
    await room(page, /^Plans/).click()
    await note(page, 'You added bob').waitFor()
    expect(failures).toBeGreaterThan(1)

    await press(page, 'Room details')
    await press(page, 'Manage bob')
    await page.route(/\/members\/\d+$/, route => route.abort())
    await press(page, 'Remove from the room')
    await page.locator('.refusal').waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Remove from the room')
    expect(complaints.filter(text => !text.includes('ERR_FAILED'))).toEqual([])
  })
})
