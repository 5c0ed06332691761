/** Tests the login and the session of the page in a real browser with the real service. */
import { describe, expect, test } from 'vitest'
import {
  ageProof,
  composer,
  enterPassword,
  heading,
  linkIn,
  openAccount,
  press,
  type,
  useBrowser
} from '../support/account-page.ts'
import { enterAs, logIn } from '../support/browser.ts'
import { isAvailable } from '../support/requirements.ts'
import { PASSWORD } from '../support/start-chat.ts'
import { codeAt, enrol } from '../support/two-factor.ts'

describe.runIf(isAvailable('chromium'))('the login', { timeout: 600_000 }, () => {
  const { start, startWithAuthenticator } = useBrowser()

  test('stays signed in over a reload and over four renewals in three tabs, without a token in the storage', async () => {
    const { chat, tab, page, complaints } = await start({ settings: { accessTokenExpireMinutes: 1 } })
    await page.clock.install()
    await logIn(tab, chat.url, 'ada', PASSWORD)
    await page.reload()
    await composer(page).waitFor()
    const [cookie] = await page.context().cookies()
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' })
    const stored = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')
    expect(stored).not.toMatch(new RegExp(`eyJ|${cookie?.value}`))
    const tabs = [page, await page.context().newPage(), await page.context().newPage()]
    for (const other of tabs.slice(1)) {
      await other.goto(`${chat.url}/app`)
      await composer(other).waitFor()
    }
    const { client, schema } = chat.database
    const rotations = async (): Promise<number> => {
      const [row] = await client.query<{ n: number }>(
        `select refresh_number as n from ${schema}.sessions where refresh_number is not null`
      )
      return row?.n ?? 0
    }
    const before = await rotations()
    for (let step = 1; step <= 4; step++) {
      // Makes the refresh token a minute older in the database, because the service replaces a token only after 30 s.
      await client.query(`update ${schema}.sessions set rotated_at = rotated_at - interval '1 minute'`)
      await page.clock.fastForward('10:00')
      await expect.poll(rotations).toBe(before + step)
    }
    for (const [at, one] of tabs.entries()) {
      await composer(one).fill(`from tab ${at}`)
      await one.keyboard.press('Enter')
      await one.locator('.line.stored', { hasText: `from tab ${at}` }).waitFor()
    }
    expect(complaints).toEqual([])
  })

  test('ends the session with the browser if the user does not want to be remembered', async () => {
    const { chat, page } = await start()
    await page.goto(`${chat.url}/app`)
    await page.getByLabel('Remember me on this device').uncheck()
    await enterPassword(page)
    await composer(page).waitFor()
    expect((await page.context().cookies())[0]?.expires).toBe(-1)
  })

  test('keeps the session in memory over plain HTTP, and shows the reason', async () => {
    const { chat, page } = await start()
    const url = chat.url.replace('127.0.0.1', 'chat.test')
    await logIn({ page, complaints: [] }, url, 'ada', PASSWORD)
    expect(await page.context().cookies()).toEqual([])
    await openAccount(page, 'Sessions')
    await page.getByText('loaded without HTTPS').waitFor()
    await page.reload()
    await page.getByText('loaded without HTTPS').waitFor()
    await heading(page, 'Welcome back')
  })

  test('asks for the second factor at the first login on an address that the service does not know', async () => {
    const { chat, ada, page } = await start({ settings: { publicUrl: 'https://chat.example.com' } })
    const { secret } = await enrol(chat, ada, Date.now())
    await page.goto(`${chat.url}/app`)
    await enterPassword(page)
    await heading(page, 'Second step')
    await type(page, 'Code', codeAt(secret, Date.now() + 30_000))
    await press(page, 'Continue')
    await composer(page).waitFor()
    await page.reload()
    await heading(page, 'Welcome back')
  })

  test('verifies the address at a login that needs it, with another mail', async () => {
    const { chat, mails, page } = await start({ settings: { requireVerifiedEmail: true } })
    await page.goto(`${chat.url}/app`)
    await enterPassword(page)
    await heading(page, 'Verify your e-mail')
    await type(page, 'Another address (optional)', 'ada@example.com')
    await press(page, 'Send the mail again')
    await page.getByText('The mail is on its way.').waitFor()
    await linkIn(mails, 'verify')
    await press(page, 'Send the mail again')
    const link = await linkIn(mails, 'verify', 2)
    await page.evaluate(`location.hash = '${link}'`)
    await press(page, 'Verify the address')
    await press(page, 'Continue')
    await enterPassword(page)
    await composer(page).waitFor()
  })

  test('continues a login with a passkey as the second step, and confirms with it', async () => {
    const { chat, tab, page, publicUrl } = await startWithAuthenticator()
    await enterAs(tab, publicUrl, 'ada')
    await openAccount(page, 'Two-step login')
    await type(page, 'Name of the new passkey', 'My laptop')
    await press(page, 'Add a passkey')
    await press(page, 'I have saved them')
    await page.keyboard.press('Escape')
    await press(page, 'Log out')
    await enterPassword(page)
    await heading(page, 'Second step')
    await press(page, 'Use a passkey')
    await composer(page).waitFor()
    await ageProof(chat)
    await openAccount(page, 'Two-step login')
    await press(page, 'Create new codes')
    await heading(page, 'Confirm that it’s you')
    await press(page, 'Use a passkey')
    await heading(page, 'Save your recovery codes')
  })
})
