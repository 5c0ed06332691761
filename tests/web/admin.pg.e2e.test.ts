/** Tests the view for administrators in a real browser with the real service. */
import { describe, expect, test } from 'vitest'
import { ageProof, composer, confirm, heading, makeAdmin, press, type, useBrowser } from '../support/account-page.ts'
import { enterAs, logIn } from '../support/browser.ts'
import { isAvailable } from '../support/requirements.ts'
import { PASSWORD } from '../support/start-chat.ts'

describe.runIf(isAvailable('chromium'))('the view for administrators', { timeout: 600_000 }, () => {
  const { newTab, start } = useBrowser()

  test('lets an administrator suspend and delete a user, invite somebody, and read the audit log', async () => {
    const { chat, tab, page } = await start({ settings: { registration: 'open' } })
    await chat.register('bob')
    await makeAdmin(chat, 'ada')
    await enterAs(tab, chat.url, 'ada')
    await press(page, 'Administration')
    await press(page, 'Manage bob')
    await press(page, 'Suspend')
    await page.locator('.mark', { hasText: 'suspended' }).waitFor()
    const login = { body: { username: 'bob', password: PASSWORD } }
    expect((await chat.call('POST', '/api/auth/login', login)).body).toMatchObject({ code: 'account_suspended' })
    await press(page, 'Restore')
    await page.locator('.mark', { hasText: 'suspended' }).waitFor({ state: 'detached' })
    await press(page, 'Delete…')
    await press(page, 'Delete bob')
    await page.getByRole('button', { name: 'Manage bob' }).waitFor({ state: 'detached' })
    await press(page, 'Invitations')
    await press(page, 'Create a link')
    const link = String(await page.locator('.note code').textContent())
    await press(page, 'Audit log')
    await page
      .getByText('user_suspended')
      .or(page.getByText(/suspend/))
      .first()
      .waitFor()
    const guest = await newTab()
    await guest.page.goto(link)
    await heading(guest.page, 'Create an account')
    expect(guest.page.url()).toBe(`${chat.url}/app`)
    await type(guest.page, 'Username', 'carol')
    await type(guest.page, 'Password', PASSWORD)
    await press(guest.page, 'Create account')
    await composer(guest.page).waitFor()
  })

  test('lets an administrator search, promote and demote a user, reset the password and end the sessions', async () => {
    const { chat, tab, page } = await start()
    await chat.register('bob')
    await makeAdmin(chat, 'ada')
    await enterAs(tab, chat.url, 'ada')
    await ageProof(chat)
    await press(page, 'Administration')
    await confirm(page)
    await page.getByRole('button', { name: 'Manage bob' }).waitFor()
    await type(page, 'Name begins with', 'bo')
    await press(page, 'Search')
    await expect.poll(() => page.locator('.entries > li').count()).toBe(1)
    await press(page, 'Manage bob')
    await press(page, 'Make an administrator')
    await page.locator('.mark', { hasText: 'administrator' }).waitFor()
    await press(page, 'Remove the role of administrator')
    await page.locator('.mark', { hasText: 'administrator' }).waitFor({ state: 'detached' })
    await press(page, 'Log out everywhere')
    await page.getByText('All sessions of the user have ended.').waitFor()
    await press(page, 'Reset the password')
    const text = await page.getByText('Give this link to the user.').textContent()
    const guest = await newTab()
    await guest.page.goto(/http\S+/.exec(String(text))?.[0] ?? '')
    await type(guest.page, 'New password', 'AnotherPass456')
    await press(guest.page, 'Set the password')
    await press(guest.page, 'Continue')
    await logIn(guest, chat.url, 'bob', 'AnotherPass456')
  })
})
