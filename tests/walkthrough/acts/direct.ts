/** Uses direct rooms, hides them, and blocks a user. */
import type { Stage } from '../stage.ts'

export const talkDirectly = async ({ ada, bob }: Stage): Promise<void> => {
  await ada.press('New direct message')
  await ada.fill('Name begins with', 'bo')
  await ada.press('Choose bob')
  await ada.press('Open')
  await ada.page.getByRole('textbox', { name: 'Message to bob' }).waitFor()
  await ada.say('Psst')
  await bob.sees('unread: @ada (1 unread)')
  // The same users get the same room.
  await bob.command('/dm ada', () => bob.sees(/ada Psst/))
  await bob.type('Yes?')
  await ada.sees('Yes?')
  await ada.open('general')
  await bob.command('/hide', () => bob.sees('This room is hidden from /rooms until its next message.'))
  await bob.go('general', '#general')
  await ada.open('bob')
  await ada.say('Still there?')
  await bob.sees('unread: @ada (1 unread)')

  await ada.link(/^@?bob/).hover()
  await ada.press('Actions for bob')
  await ada.page.getByRole('menuitem', { name: 'Hide until the next message' }).click()
  await ada.link(/^@?bob/).waitFor({ state: 'detached' })
  await bob.type('/dm ada')
  await bob.sees('Still there?')
  await bob.type('Here I am')
  await ada.link(/^@?bob.*1 unread/).waitFor()
  await ada.open('bob')
  await ada.sees('Here I am')
}

/** Checks that two users cannot post in their direct room while one of them blocks the other. */
export const block = async ({ ada, bob }: Stage): Promise<void> => {
  await bob.command('/block ada', async () => {
    await bob.sees('(You have blocked this user.)')
    await ada.composer().fill('Do you read this?')
    await ada.page.keyboard.press('Enter')
    await ada.page.locator('.failure', { hasText: 'Not sent.' }).waitFor()
  })
  await bob.command('/unblock ada', async () => {
    await bob.sees(/ada Psst/)
    await ada.press('Try again')
    await bob.sees(/ada Do you read this\?/)
  })
  await ada.choose('Here I am', 'Block bob…')
  await ada.press('Block')
  await ada.page.getByText('You have blocked this user.').first().waitFor()
  await bob.type('Why?')
  await bob.sees(/Why\?[\s\S]*not sent:/)
  await ada.page.getByRole('button', { name: /Account$/ }).click()
  await ada.press('Blocked people')
  await ada.page.getByRole('button', { name: 'Unblock bob' }).click()
  await ada.page.getByText('You have blocked nobody.').waitFor()
  await ada.press('Close')
  await bob.type('/retry')
  await ada.sees('Why?')
}
