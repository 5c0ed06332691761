/** Tests the account dialog in a real browser with the real service. */
import { describe, expect, test } from 'vitest'
import {
  ageProof,
  composer,
  confirm,
  enterPassword,
  heading,
  linkIn,
  openAccount,
  press,
  setUpApp,
  type,
  useBrowser
} from '../support/account-page.ts'
import { enterAs, logIn } from '../support/browser.ts'
import { isAvailable } from '../support/requirements.ts'
import { PASSWORD } from '../support/start-chat.ts'
import { codeAt } from '../support/two-factor.ts'

describe.runIf(isAvailable('chromium'))('the account dialog', { timeout: 600_000 }, () => {
  const { start, startWithAuthenticator } = useBrowser()

  test('changes the display name and the password after a proof, and ends another session', async () => {
    const { chat, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    await openAccount(page, 'Profile')
    await type(page, 'Display name', 'Ada L.')
    await press(page, 'Save')
    await page.getByText('Your display name is saved.').waitFor()
    await type(page, 'Display name', ' ')
    await press(page, 'Save')
    await page.getByText('Your display name is removed.').waitFor()
    await openAccount(page, 'Sessions')
    await page.getByText('this session').waitFor()
    await ageProof(chat)
    await page.getByRole('button', { name: /^End the session/ }).click()
    await heading(page, 'Confirm that it’s you')
    await type(page, 'Your password', 'WrongPass123')
    await press(page, 'Confirm')
    await page.getByRole('dialog', { name: 'Confirm that it’s you' }).getByRole('alert').locator('p').waitFor()
    await confirm(page)
    await expect.poll(() => page.getByRole('button', { name: /^End the session/ }).count()).toBe(0)
    await openAccount(page, 'Password')
    await type(page, 'New password', 'AnotherPass456')
    await press(page, 'Change the password')
    await page.getByText('Your password is changed.').waitFor()
    await page.keyboard.press('Escape')
    await composer(page).fill('still here')
    await page.keyboard.press('Enter')
    await page.locator('.line.stored').waitFor()
    const { status } = await chat.call('POST', '/api/auth/login', {
      body: { username: 'ada', password: 'AnotherPass456' }
    })
    expect(status).toBe(200)
  })

  test('sets up an authenticator app, and logs in with its code and with a recovery code', async () => {
    const { chat, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    const { secret, codes } = await setUpApp(page)
    expect(codes).toHaveLength(10)
    await press(page, 'I have saved them')
    await page.getByText('10 of 10 are left').waitFor()
    await page.keyboard.press('Escape')
    const logInAgain = async (): Promise<void> => {
      await press(page, 'Log out')
      await enterPassword(page)
      await heading(page, 'Second step')
    }
    await logInAgain()
    await type(page, 'Code', '000000')
    await press(page, 'Continue')
    await page.getByRole('alert').locator('p').waitFor()
    // The code of the set-up was used, so the next login needs the code of the next time step.
    await type(page, 'Code', codeAt(secret, Date.now() + 30_000))
    await press(page, 'Continue')
    await composer(page).waitFor()
    await logInAgain()
    await press(page, 'Use a recovery code')
    await type(page, 'Recovery code', String(codes[0]))
    await press(page, 'Continue')
    await composer(page).waitFor()
  })

  test('replaces the recovery codes, removes the authenticator app, and logs out everywhere', async () => {
    const { chat, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    const { codes } = await setUpApp(page)
    await press(page, 'I have saved them')
    await press(page, 'Create new codes')
    await heading(page, 'Save your recovery codes')
    await expect.poll(() => page.locator('.codes code').allTextContents()).toHaveLength(10)
    expect(await page.locator('.codes code').allTextContents()).not.toContain(codes[0])
    await press(page, 'I have saved them')
    await press(page, 'Remove the app')
    await page.getByText('Off. With an app').waitFor()
    expect(await page.getByText('Recovery codes').count()).toBe(0)
    await openAccount(page, 'Sessions')
    await press(page, 'Log out everywhere')
    await heading(page, 'Welcome back')
    await enterPassword(page)
    await composer(page).waitFor()
  })

  test('verifies an address and sets a new password by the links of mails, without keeping their tokens in the URL', async () => {
    const { chat, mails, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    await openAccount(page, 'E-mail')
    await type(page, 'New address', 'ada@example.com')
    await press(page, 'Send a mail to this address')
    await page.getByText('Open the link in the mail that we have sent to').waitFor()
    await page.keyboard.press('Escape')
    await page.evaluate(`location.hash = '${await linkIn(mails, 'verify')}'`)
    await heading(page, 'Verify your e-mail')
    expect(page.url()).toBe(`${chat.url}/app`)
    await press(page, 'Verify the address')
    await heading(page, 'E-mail verified')
    await press(page, 'Continue')
    await composer(page).waitFor()
    await press(page, 'Log out')
    await press(page, 'Forgot your password?')
    await type(page, 'E-mail', 'ada@example.com')
    await press(page, 'Send the link')
    await heading(page, 'Check your mail')
    await page.goto(`${chat.url}/docs`)
    await page.goto(`${chat.url}/app${await linkIn(mails, 'reset')}`)
    await type(page, 'New password', 'AnotherPass456')
    expect(page.url()).toBe(`${chat.url}/app`)
    await press(page, 'Set the password')
    await press(page, 'Continue')
    await logIn(tab, chat.url, 'ada', 'AnotherPass456')
  })

  test('changes and removes the address', async () => {
    const { chat, mails, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    for (const [at, address] of ['ada@example.com', 'new@example.com'].entries()) {
      await openAccount(page, 'E-mail')
      await type(page, 'New address', address)
      await press(page, 'Send a mail to this address')
      await page.getByText('Open the link in the mail that we have sent to').waitFor()
      await page.keyboard.press('Escape')
      await page.evaluate(`location.hash = '${await linkIn(mails, 'verify', at + 1)}'`)
      await press(page, 'Verify the address')
      await press(page, 'Continue')
      await composer(page).waitFor()
    }
    await openAccount(page, 'E-mail')
    await page.getByText('new@example.com').waitFor()
    await press(page, 'Remove the address')
    await page.getByText('You have no verified address.').waitFor()
  })

  test('adds a passkey and shows its recovery codes, logs in with it, and removes it', async () => {
    const { chat, tab, page, publicUrl } = await startWithAuthenticator()
    await enterAs(tab, publicUrl, 'ada')
    await openAccount(page, 'Two-step login')
    await type(page, 'Name of the new passkey', 'My laptop')
    await press(page, 'Add a passkey')
    await heading(page, 'Save your recovery codes')
    expect(await page.locator('.codes code').count()).toBe(10)
    await press(page, 'I have saved them')
    await page.getByText('10 of 10 are left').waitFor()
    await page.getByText('My laptop').waitFor()
    await chat.database.client.query(`update ${chat.database.schema}.passkeys set rp_id = 'old.example'`)
    await openAccount(page, 'Profile')
    await page.keyboard.press('Escape')
    await openAccount(page, 'Two-step login')
    await page.getByText('This passkey works only at another address of the service').waitFor()
    await chat.database.client.query(`update ${chat.database.schema}.passkeys set rp_id = 'localhost'`)
    await page.keyboard.press('Escape')
    await press(page, 'Log out')
    await press(page, 'Log in with a passkey')
    await composer(page).waitFor()
    await openAccount(page, 'Two-step login')
    await press(page, 'Remove the passkey My laptop')
    await page.getByText('My laptop').waitFor({ state: 'detached' })
  })

  test('downloads the data of the user, and deletes the account', async () => {
    const { chat, tab, page } = await start()
    await enterAs(tab, chat.url, 'ada')
    await openAccount(page, 'Your data')
    const download = page.waitForEvent('download')
    await press(page, 'Download')
    expect((await download).suggestedFilename()).toBe('ada.ndjson')
    await type(page, 'Enter your username to confirm', 'ada')
    await press(page, 'Delete the account')
    await heading(page, 'Welcome back')
    const { status } = await chat.call('POST', '/api/auth/login', { body: { username: 'ada', password: PASSWORD } })
    expect(status).toBe(401)
  })

  test('deletes the account and erases its messages', async () => {
    const { chat, ada, tab, page } = await start()
    const { call, database } = chat
    await call('POST', '/api/chat/rooms/general/messages', { token: ada.token, body: { content: 'my secret' } })
    await enterAs(tab, chat.url, 'ada')
    await openAccount(page, 'Your data')
    await page.getByLabel('Also erase the texts of all my messages').check()
    await type(page, 'Enter your username to confirm', 'ada')
    await press(page, 'Delete the account')
    await heading(page, 'Welcome back')
    const texts = () => database.client.query(`select content from ${database.schema}.messages where kind = 'message'`)
    await expect.poll(texts).toEqual([{ content: null }])
  })

  test('shows that a part can’t be loaded, for example after a deployment, and opens it after a reload that keeps the draft', async () => {
    const { chat, tab, page } = await start()
    await page.route(/parts-.*\.js/, route => route.fulfill({ status: 404 }))
    await enterAs(tab, chat.url, 'ada')
    await composer(page).fill('a draft')
    await page.getByRole('button', { name: /Account$/ }).click()
    const toast = page.getByRole('alert').filter({ hasText: 'can’t be loaded' })
    await toast.getByRole('button', { name: 'Close' }).click()
    await toast.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: /Account$/ }).click()
    // Waits until the second request for the script has failed too. If it succeeded, the dialog would open without the toast.
    await toast.waitFor()
    await page.unroute(/parts-.*\.js/)
    await toast.getByRole('button', { name: 'Reload' }).click()
    await page.getByRole('button', { name: /Account$/ }).click()
    await page.getByRole('heading', { name: 'Account' }).waitFor()
    expect(await composer(page).inputValue()).toBe('a draft')
  })
})
