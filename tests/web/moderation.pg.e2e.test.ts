/** Tests moderation and invitations in a real browser with the real service. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { composer, press, type, useBrowser } from '../support/account-page.ts'
import { enterAs } from '../support/browser.ts'
import { problemsOf } from '../support/page-problems.ts'
import { isAvailable } from '../support/requirements.ts'
import { PASSWORD, type Person, type RunningChat } from '../support/start-chat.ts'

const link = (page: Page, name: string | RegExp) => page.getByRole('link', { name })
const note = (page: Page, text: string) => page.locator('.note-line', { hasText: text })
const bubble = (page: Page, text: string) => page.locator('.bubble', { hasText: text })

/** Calls the HTTP API as a user. Returns the body. */
const call = async (chat: RunningChat, { token }: Person, method: string, path: string, body?: object) => {
  const response = await chat.call(method, `/api/chat${path}`, { token, ...(body ? { body } : {}) })
  expect(response.status, JSON.stringify(response.body)).toBeLessThan(300)
  return response.body
}

describe.runIf(isAvailable('chromium'))('moderation', { timeout: 300_000 }, () => {
  const { newTab, start } = useBrowser()

  /** Creates a private room of ada with bob, and opens it in both tabs. */
  const startRoom = async () => {
    const started = await start()
    const { chat, ada, tab, page } = started
    const bob = await chat.register('bob')
    const { room } = await call(chat, ada, 'POST', '/rooms', { visibility: 'private', title: 'Plans' })
    await call(chat, ada, 'PUT', `/rooms/${room}/members/${bob.id}`)
    const other = await newTab({ colorScheme: 'dark' })
    await enterAs(tab, chat.url, 'ada')
    await enterAs(other, chat.url, 'bob')
    await link(page, /^Plans/).click()
    await link(other.page, /^Plans/).click()
    await composer(other.page).waitFor()
    return { ...started, bob, room, other }
  }

  test('mutes a member with a reason, shows it to both, and ends the mute', async () => {
    const { page, other, complaints } = await startRoom()
    await press(page, 'Room details')
    await press(page, 'Manage bob')
    await press(page, 'Mute…')
    await page.getByLabel('Duration').selectOption('1')
    await type(page, 'Reason', 'Too loud')
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await problemsOf(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    await page.setViewportSize({ width: 1280, height: 800 })
    await press(page, 'Mute bob')
    await note(page, 'You muted bob').waitFor()
    await note(other.page, 'ada muted you').waitFor()
    await composer(other.page).fill('Hello')
    await other.page.keyboard.press('Enter')
    await other.page.locator('.failure', { hasText: 'Not sent.' }).waitFor()
    expect(await problemsOf(other.page)).toEqual([])

    await press(page, 'Restrictions')
    await note(other.page, 'Too loud').waitFor()
    await page.getByRole('dialog').getByText('Too loud').waitFor()
    expect(await problemsOf(page)).toEqual([])
    await page.getByRole('button', { name: 'Unmute bob' }).click()
    await page.getByText('Nobody is muted or banned.').waitFor()
    await note(other.page, 'ada unmuted you').waitFor()
    await press(other.page, 'Try again')
    await bubble(page, 'Hello').waitFor()
    expect([...complaints, ...other.complaints]).toEqual([])
  })

  test('bans a member, who no longer sees the room, and lets them back in after the ban', async () => {
    const { page, other, chat, ada, bob, room } = await startRoom()
    await press(page, 'Room details')
    await press(page, 'Manage bob')
    await press(page, 'Ban…')
    await page.getByLabel('Duration').selectOption('')
    await press(page, 'Ban bob')
    await page.getByRole('button', { name: 'Manage bob' }).waitFor({ state: 'detached' })
    await other.page.locator('.refused').waitFor()
    await link(other.page, /^Plans/).waitFor({ state: 'detached' })
    expect(await problemsOf(other.page)).toEqual([])
    await press(page, 'Restrictions')
    await page.getByRole('button', { name: 'Unban bob' }).click()
    await page.getByText('Nobody is muted or banned.').waitFor()
    await call(chat, ada, 'PUT', `/rooms/${room}/members/${bob.id}`)
  })

  test('sets slow mode, archives a room, and deletes it after a confirmation', async () => {
    const { page, other } = await startRoom()
    await press(page, 'Room details')
    await press(page, 'About')
    await page.getByLabel('Slow mode').selectOption('60')
    await other.page.getByText('Slow mode: one message per 1 minute.').waitFor()
    await composer(other.page).fill('One')
    await other.page.keyboard.press('Enter')
    await other.page.locator('.line.stored', { hasText: 'One' }).waitFor()
    await composer(other.page).fill('Two')
    await other.page.keyboard.press('Enter')
    await other.page.getByText(/Slow mode: your message will be sent in \d+ seconds\./).waitFor()

    await page.getByLabel(/^Archive the room/).click()
    await other.page.getByText('This room is archived. You can read it, but nobody can post.').waitFor()
    expect(await problemsOf(other.page)).toEqual([])
    await press(page, 'Delete the room…')
    await type(page, 'Title of the room', 'Plans')
    expect(await problemsOf(page)).toEqual([])
    await press(page, 'Delete the room and all its messages')
    await link(page, /^Plans/).waitFor({ state: 'detached' })
    await link(other.page, /^Plans/).waitFor({ state: 'detached' })
  })

  test('creates an invitation link, which shows the room and lets somebody join, and revokes it', async () => {
    const { page, chat, complaints } = await startRoom()
    await chat.register('carol')
    // Delays the response with the list until the page shows the new link. The page must then load the list again.
    const code = page.locator('.new-link code')
    await page.route(
      url => url.pathname.endsWith('/invitations'),
      async route => {
        const isList = route.request().method() === 'GET'
        const response = await route.fetch()
        if (isList) await code.waitFor()
        await route.fulfill({ response })
      }
    )
    await press(page, 'Room details')
    await press(page, 'Invitations')
    await press(page, 'Create a link')
    const url = String(await code.textContent())
    expect(url).toContain('#invite=')
    await page.getByText('10 uses left').waitFor()
    await page.unrouteAll()
    expect(await problemsOf(page)).toEqual([])

    const carol = await newTab()
    await carol.page.goto(`${chat.url}/app${new URL(url).hash}`)
    await carol.page.getByText('Log in or register to open your invitation to a room.').waitFor()
    await carol.page.reload()
    await carol.page.getByText('Log in or register to open your invitation to a room.').waitFor()
    await type(carol.page, 'Username', 'carol')
    await type(carol.page, 'Password', PASSWORD)
    await carol.page.keyboard.press('Enter')
    await carol.page.getByText('a room with 2 members').waitFor()
    expect(carol.page.url()).not.toContain('invite')
    expect(await problemsOf(carol.page)).toEqual([])
    await press(carol.page, 'Join')
    await carol.page.getByRole('textbox', { name: 'Message to Plans' }).waitFor()

    await page.getByRole('button', { name: /^Revoke/ }).click()
    await page.getByText('There are no valid invitations.').waitFor()
    await carol.page.goto(`${chat.url}/app${new URL(url).hash}`)
    await carol.page.locator('dialog .refusal').waitFor()
    expect(complaints).toEqual([])
  })

  test('reports a message, which a moderator deletes, and blocks its author', async () => {
    const { page, other, chat, bob, ada, room, complaints } = await startRoom()
    await call(chat, bob, 'POST', `/rooms/${room}/messages`, { content: 'Nonsense' })
    const carol = await chat.register('carol')
    await call(chat, ada, 'PUT', `/rooms/${room}/members/${carol.id}`)
    const third = await newTab()
    await enterAs(third, chat.url, 'carol')
    await link(third.page, /^Plans/).click()
    const choose = async (item: string | RegExp) => {
      await third.page.locator('.line', { hasText: /Nonsense|blocked/ }).focus()
      await third.page.keyboard.press('Enter')
      await third.page.getByRole('menuitem', { name: item }).click()
    }
    await bubble(third.page, 'Nonsense').waitFor()
    await choose('Report…')
    await type(third.page, 'Reason', 'Not kind')
    expect(await problemsOf(third.page)).toEqual([])
    await press(third.page, 'Report')
    await third.page.getByText('The message was reported.').waitFor()
    await press(third.page, 'Close')

    await choose('Block bob…')
    await press(third.page, 'Block')
    await third.page.getByText('You have blocked this user.').waitFor()
    expect(await third.page.textContent('.list')).not.toContain('Nonsense')
    await third.page.reload()
    await third.page.getByText('You have blocked this user.').waitFor()
    await press(third.page, 'Show')
    await bubble(third.page, 'Nonsense').waitFor()
    await third.page.getByRole('button', { name: /Account$/ }).click()
    await press(third.page, 'Blocked people')
    await third.page.getByRole('button', { name: 'Unblock bob' }).click()
    await third.page.getByText('You have blocked nobody.').waitFor()

    await press(page, 'Room details')
    await press(page, 'Reports')
    await page.getByText('Not kind').waitFor()
    expect(await problemsOf(page)).toEqual([])
    await press(page, 'Delete the message')
    await page.getByText('There are no open reports.').waitFor()
    await bubble(other.page, 'This message was deleted.').waitFor()
    expect([...complaints, ...third.complaints]).toEqual([])
  })
})
