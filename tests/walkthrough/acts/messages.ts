/** Uses messages, replies, edits, deletions, reactions, pins, mentions, typing and read receipts. */
import assert from 'node:assert/strict'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

/** Opens the private room that the moderator created, in every client. */
const enter = async ({ ada, bob, mia, mias }: Stage): Promise<void> => {
  for (const page of [ada, mia]) await page.open('Plans')
  for (const terminal of [bob, mias]) {
    await terminal.go('Plans for May', 'Plans for May (private)')
  }
}

export const changeMessages = async (stage: Stage): Promise<void> => {
  const { ada, bob, mia, mias } = stage
  await enter(stage)
  await until('bob’s terminal shows that ada is typing', async () => {
    await ada.composer().pressSequentially('So ')
    return (await bob.screen()).includes('ada is typing…')
  })
  await ada.say('Shall we ship?')
  const ship = await bob.numberOf('Shall we ship?')
  await bob.command(`/reply #${ship} Tomorow`, () =>
    ada
      .line('Tomorow')
      .getByRole('button', { name: /In reply to ada Shall we ship/ })
      .waitFor()
  )
  await bob.numberOf('Tomorow')
  await bob.command('/edit Tomorrow', () => ada.sees('Tomorrow (edited)'))
  await bob.command(`/react #${ship} 🚀`, () => ada.page.getByRole('button', { name: '🚀 1 reaction' }).waitFor())
  await ada.page.getByRole('button', { name: '🚀 1 reaction' }).click()
  await bob.sees('[🚀 2]')
  await bob.type(`/react #${ship} 🚀`)
  await bob.sees(/(?<!\[)🚀 1/)
  await ada.line('Tomorrow').hover()
  await ada.line('Tomorrow').getByRole('toolbar').getByRole('button', { name: 'React' }).click()
  await ada.page.getByRole('searchbox').fill('party')
  await ada.page.keyboard.press('Enter')
  await mias.sees('🥳 1')
  await until('ada’s page shows who reacted', async () => {
    // Tries again after a failure, because a read receipt that appears may move the reaction away from the pointer.
    await ada.page.getByRole('button', { name: '🚀 1 reaction' }).hover()
    await ada.page.getByRole('tooltip').getByText('ada').waitFor({ timeout: 2000 })
    return true
  })
  await ada.composer().focus()
  await ada.page.keyboard.press('ArrowUp')
  await ada.page.getByRole('textbox', { name: 'Edit your message' }).fill('Shall we ship today?')
  await ada.press('Save')
  await bob.sees('ada Shall we ship today? (edited)')
  await bob.sees('┌ ada: Shall we ship today?')

  await bob.type('Wrong room')
  await ada.sees('Wrong room')
  await bob.command('/delete', () => ada.line('This message was deleted.').waitFor())
  await ada.say('To be deleted')
  await mias.numberOf('To be deleted')
  await ada.choose('To be deleted', 'Delete')
  await ada.press('Undo')
  await ada.choose('To be deleted', 'Delete')
  await mias.loses('To be deleted')
  await mias.sees('ada (deleted)')
  await bob.command('//shrug', () => ada.sees('/shrug'))
  await bob.type(Array.from({ length: 45 }, (_, at) => `line ${at + 1}`).join('\n'))
  await ada.press('Show more')
  await ada.sees('line 45')
  await mias.sees('more rows. Type /more to show them')
  await mias.command('/more', () => mias.sees('line 45'))
  await mias.type('/more')

  await mias.command(`/pin #${ship}`, () => ada.line('Shall we ship today?').locator('.pinned').waitFor())
  await bob.command('/pins', () => bob.sees(`#${ship} ada: Shall we ship today?`))
  await mias.command(`/unpin #${ship}`, () =>
    ada.line('Shall we ship today?').locator('.pinned').waitFor({ state: 'detached' })
  )
  await mia.choose('Tomorrow', 'Pin')
  await bob.sees('bob Tomorrow (edited) (pinned)')
  await ada.press('Pinned messages')
  await ada.page.locator('.pins li', { hasText: 'Tomorrow' }).getByRole('button', { name: /^Show/ }).click()
  await ada.page.locator('.line:focus .bubble', { hasText: 'Tomorrow' }).waitFor()
}

/** Checks that unread counts, mentions, read receipts, unread marks and notifications appear in the clients of the users. */
export const readMessages = async (stage: Stage): Promise<void> => {
  const { ada, bob, mia, mias } = stage
  await ada.open('general')
  await bob.go('general', '#general')
  await mia.open('Plans')
  await mia.composer().fill('@bo')
  await mia.page.getByRole('option', { name: 'bob' }).click()
  await mia.composer().press('End')
  await mia.page.keyboard.type('please read this')
  await mia.page.keyboard.press('Enter')
  await ada.link(/^Plans .*1 unread/).waitFor()
  await until('the title of ada’s page has the count', async () => /^\(1\) /.test(await ada.page.title()))
  await bob.sees('unread: Plans for May (private) (1 unread, 1 mention)')
  await bob.type('/room Plans for May')
  await bob.sees('please read this')
  await mia.line('please read this').locator('.readers', { hasText: 'Read by bob' }).waitFor()
  await ada.open('Plans')
  await mia.line('please read this').locator('.readers', { hasText: 'ada' }).waitFor()

  // Ada marks the room as unread, and the list of rooms shows this.
  await ada.open('general')
  await ada.link(/^Plans/).hover()
  await ada.press('Actions for Plans for May')
  await ada.page.getByRole('menuitem', { name: 'Mark as unread' }).click()
  await ada.link(/^Plans.*marked as unread/).waitFor()
  await ada.open('Plans')
  await ada.open('general')

  await ada.page.getByRole('button', { name: /Account$/ }).click()
  await ada.press('Notifications')
  await ada.press('Turn on')
  await ada.page.getByText('Notifications are on.').waitFor()
  await ada.press('Close')
  // Simulates that the window has lost the focus. The window of a headless browser always has the focus.
  await ada.page.evaluate('document.hasFocus = () => false')
  await mias.type('no mention, no notification')
  await ada.link(/^Plans .*1 unread/).waitFor()
  await mia.composer().fill('@ad')
  await mia.page.getByRole('option', { name: 'ada' }).click()
  await mia.composer().press('End')
  await mia.page.keyboard.type('a secret for you')
  await mia.page.keyboard.press('Enter')
  const shown = await until('ada’s browser shows a notification', async () => {
    const all = (await ada.page.evaluate('shown')) as string[]
    return all.length > 0 && all
  })
  assert.deepEqual(shown, ['Chat: You were mentioned in Plans for May'])
  await ada.page.evaluate('delete document.hasFocus')
  await ada.link(/^Plans .*1 mention.*2 unread/).waitFor()
  await ada.open('Plans')
  await ada.page.locator('.line.for-me', { hasText: 'a secret for you' }).waitFor()
}
