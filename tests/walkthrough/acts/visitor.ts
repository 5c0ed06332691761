/** Uses invitations, and acts as a visitor who registers with a link, is banned, and deletes the account. */
import assert from 'node:assert/strict'
import { PASSWORD } from '../person.ts'
import type { Stage } from '../stage.ts'

/** Creates, uses and revokes invitations to a room, mostly in the terminal client. Then deletes the room. */
export const invite = async (stage: Stage): Promise<void> => {
  const { bob, mia, mias } = stage
  await mias.command('/private Annex', () => mias.sees('You created this private room.'))
  await mias.type('/invite')
  const code = (await mias.sees(/with \/join ([\w-]+)/))[1] ?? ''
  await bob.command(`/join ${code}`, () => mias.sees('bob became a member'))
  await bob.sees('You joined this room.')
  await bob.type('Hello from the annex')
  await mias.sees('bob Hello from the annex')
  await bob.command('/leave', () => mias.sees('bob is no longer a member'))
  await mias.type('/invite bob')
  await mias.sees('You added bob')
  await bob.go('general', '#general')
  await bob.go('Annex', 'Annex (private)')
  await mias.type('/invite')
  await mias.sees(/with \/join [\w-]+[\s\S]*with \/join [\w-]+/)
  await mias.command('/invitations', async () => {
    const [, id] = await mias.sees(/Invitation (\d+): by mia/)
    await mias.command(`/revoke ${id}`, () => mias.sees(`Nobody can use the invitation ${id} any more.`))
  })
  await mia.open('Annex')
  await mia.details('Invitations')
  await mia.page.getByRole('button', { name: /^Revoke/ }).click()
  await mia.page.getByText('There are no valid invitations.').waitFor()
  await bob.type(`/join ${code}`)
  await bob.sees(/invitation/i)
  await mia.press('About')
  await mia.press('Delete the room…')
  await mia.fill('Title of the room', 'Annex')
  await mia.press('Delete the room and all its messages')
  await bob.sees(/deleted[\s\S]* Go to another room with \/room NAME\./)
  await mias.loses('Hello from the annex')
  await mia.link(/^Annex/).waitFor({ state: 'detached' })
}

/**
 * Registers a visitor from a link. The visitor joins the room, and is banned from it. The ban also deletes the visitor’s
 * messages of the last hour. Then the visitor deletes the account.
 */
export const visit = async (stage: Stage): Promise<void> => {
  const { ada, bob, mia, mias } = stage
  await mias.go('Plans for May', 'Plans for May (private)')
  await mia.open('Plans')
  await mia.details('Invitations')
  await mia.press('Create a link')
  const link = String(await mia.page.locator('.new-link code').textContent())
  await mia.press('Close')
  const cleo = await stage.visit(`/app${new URL(link).hash}`)
  await cleo.page.getByText('Log in or register to open your invitation to a room.').waitFor()
  await cleo.press('Register')
  await cleo.fill('Username', 'cleo')
  await cleo.fill('Password', PASSWORD)
  await cleo.press('Create account')
  await cleo.page.getByText('a room with 3 members').waitFor()
  await cleo.press('Join')
  await cleo.page.getByRole('textbox', { name: 'Message to Plans for May' }).waitFor()
  await ada.open('Plans')
  await ada.note('cleo joined the room').waitFor()
  await cleo.say('Buy my things')
  await ada.sees('Buy my things')
  await bob.type('/room Plans for May')
  await bob.sees('cleo Buy my things')

  await mia.details('Members')
  await mia.press('Manage cleo')
  await mia.press('Ban…')
  await mia.page.getByLabel('Duration').selectOption('')
  await mia.page.getByLabel('Messages', { exact: true }).selectOption('1')
  await mia.press('Ban cleo')
  await cleo.page.locator('.refused').waitFor()
  await cleo.link(/^Plans/).waitFor({ state: 'detached' })
  assert.ok(!(await cleo.page.textContent('body'))?.includes('Buy my things'))
  for (const page of [ada, mia]) await page.line('Buy my things').waitFor({ state: 'detached' })
  await bob.loses('Buy my things')
  await bob.sees('cleo (deleted)')
  await mia.press('Close')
  await mia.sees('This message was deleted.')

  await cleo.open('general')
  await cleo.say('My last message')
  await bob.type('/room general')
  await bob.sees('cleo My last message')
  await ada.open('general')
  await ada.sees('My last message')
  await cleo.page.getByRole('button', { name: /Account$/ }).click()
  await cleo.press('Your data')
  await cleo.page.getByLabel('Also erase the texts of all my messages').check()
  await cleo.fill('Enter your username to confirm', 'cleo')
  await cleo.press('Delete the account')
  await cleo.page.getByLabel('Username').waitFor()
  await ada.line('My last message').waitFor({ state: 'detached' })
  await bob.loses('My last message')
  await bob.sees('deleted user')
}
