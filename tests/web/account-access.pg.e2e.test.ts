/** Checks the forms of accounts with axe-core, in widths of phones, tablets and computers, and in both themes. */
import { describe, expect, test } from 'vitest'
import {
  ageProof,
  enterPassword,
  heading,
  linkIn,
  makeAdmin,
  openAccount,
  press,
  setUpApp,
  type,
  useBrowser
} from '../support/account-page.ts'
import { enterAs } from '../support/browser.ts'
import { problemsOf } from '../support/page-problems.ts'
import { isAvailable } from '../support/requirements.ts'
import { codeAt } from '../support/two-factor.ts'

const [PHONE, TABLET, COMPUTER] = [
  { width: 360, height: 740 },
  { width: 768, height: 740 },
  { width: 1280, height: 740 }
]

describe.runIf(isAvailable('chromium'))('the page', { timeout: 600_000 }, () => {
  const { newTab, start } = useBrowser()

  test.each(['light', 'dark'] as const)(
    'has no findings of axe-core in the forms of accounts, in the %s theme in every width',
    async colorScheme => {
      const { chat, mails } = await start({ settings: { registration: 'open' } })
      await chat.register('bob')
      await makeAdmin(chat, 'ada')
      const tab = await newTab({ viewport: PHONE, colorScheme, reducedMotion: 'reduce' })
      const { page } = tab
      const check = async (what: string): Promise<void> => {
        for (const viewport of [TABLET, COMPUTER, PHONE]) {
          await page.setViewportSize(viewport)
          // Waits for two animation frames, because the page is painted in the new width before the second frame.
          await page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
          const where = `${what}, ${viewport.width} px`
          await expect
            .poll(async () => [where, await page.evaluate('document.documentElement.scrollWidth - innerWidth')])
            .toEqual([where, 0])
          expect([where, await problemsOf(page)]).toEqual([where, []])
        }
      }
      /**
       * Opens the list of rooms, because it contains the buttons that open the dialogs. The list closes when the width changes.
       */
      const showMenu = (): Promise<void> => press(page, 'Rooms')

      await enterAs(tab, chat.url, 'ada')
      await showMenu()
      for (const section of ['Profile', 'Password', 'E-mail', 'Sessions', 'Your data', 'Two-step login']) {
        await openAccount(page, section)
        await check(section)
      }
      const { secret } = await setUpApp(page)
      await check('recovery codes')
      await press(page, 'I have saved them')
      await ageProof(chat)
      await press(page, 'Create new codes')
      await heading(page, 'Confirm that it’s you')
      await check('proof')
      await press(page, 'Cancel')
      await openAccount(page, 'E-mail')
      await chat.database.client.query(`update ${chat.database.schema}.sessions set proven_at = now()`)
      await type(page, 'New address', 'ada@example.com')
      await press(page, 'Send a mail to this address')
      await page.getByText('Open the link in the mail that we have sent to').waitFor()
      await press(page, 'Close')

      await showMenu()
      await press(page, 'Administration')
      await press(page, 'Manage bob')
      await press(page, 'Delete…')
      await check('users')
      await press(page, 'Invitations')
      await press(page, 'Create a link')
      await page.locator('.note code').waitFor()
      await check('invitations')
      await press(page, 'Audit log')
      await page.locator('.audit li').first().waitFor()
      await check('audit log')
      await press(page, 'Close')

      await page.evaluate(`location.hash = '${await linkIn(mails, 'verify')}'`)
      await heading(page, 'Verify your e-mail')
      await check('link to verify')
      await press(page, 'Cancel')
      await showMenu()
      await press(page, 'Log out')
      await heading(page, 'Welcome back')
      await check('login')
      await press(page, 'Register')
      await check('registration')
      await press(page, 'Log in')
      await press(page, 'Forgot your password?')
      await check('forgotten password')
      await press(page, 'Back to the login')
      await enterPassword(page)
      await heading(page, 'Second step')
      await check('second step')
      await type(page, 'Code', codeAt(secret, 0))
      await press(page, 'Continue')
      await page.getByRole('alert').locator('p').waitFor()
      await check('wrong code')
      await page.goto(`${chat.url}/docs`)
      await page.goto(`${chat.url}/app#reset=${'x'.repeat(43)}`)
      await heading(page, 'Set a new password')
      await check('link for a new password')
    }
  )
})
