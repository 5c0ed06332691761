/** Uses public and private rooms, members and roles. */
import assert from 'node:assert/strict'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

/** Creates a public and a private room in the page as the moderator. All users open them. */
export const createRooms = async ({ ada, bob, mia, mias }: Stage): Promise<void> => {
  for (const terminal of [bob, mias]) {
    await terminal.command('/help', () => terminal.sees('list the rooms with their unread messages'))
    await terminal.command('/numbers', async () => {})
  }
  await mia.press('New room')
  await mia.fill('Title', 'Tea')
  await mia.press('Create room')
  await mia.page.getByRole('textbox', { name: 'Message to Tea' }).waitFor()
  await mia.say('The kettle is on')
  await bob.command('/room tea', () => bob.sees(/mia The kettle is on/))
  await bob.numberOf('The kettle is on')
  await bob.type('Coming')
  await mia.note('bob joined the room').waitFor()
  await bob.command('/rooms', () => bob.sees(/Rooms, latest message first:[\s\S]*#tea/))
  await ada.page.goto(`${new URL(ada.page.url()).origin}/app#tea`)
  await ada.sees('Coming')
  await ada.details('Members')
  await ada.press('Join the room')
  await ada.press('Close')
  await bob.sees('ada became a member')
  await bob.command('/who', () =>
    // Repeats `/who`, because the service sends the list of present users at most once per second.
    until('bob’s terminal lists ada', async () => {
      await bob.type('/who')
      return /\d here: .*ada/.test(await bob.screen())
    })
  )

  await mia.press('New room')
  await mia.fill('Title', 'Plans')
  await mia.page.getByLabel(/^Private/).check()
  await mia.press('Create room')
  await mia.page.getByRole('textbox', { name: 'Message to Plans' }).waitFor()
  await mia.details('Add people')
  await mia.fill('Name begins with', 'ad')
  await mia.press('Add ada')
  await mia.page.getByText('ada is a member now.').waitFor()
  await mia.press('Close')
  await ada.open('Plans')
  await ada.note('mia added you').waitFor()
  await mias.go('Plans', 'Plans (private)')
  await mias.command('/invite bob', () => ada.note('mia added bob').waitFor())
  await mias.command('/members', () => mias.sees(/Members: .*mia \(owner\)/))
  await bob.go('Plans', 'Plans (private)')
}

/** Changes roles and settings. */
export const changeRoles = async ({ ada, bob, mia }: Stage): Promise<void> => {
  await mia.open('Plans')
  await mia.details('Members')
  await mia.press('Manage ada')
  await mia.press('Make a moderator')
  await ada.note('mia made you a moderator').waitFor()
  await bob.sees('mia made ada a moderator')
  await mia.press('About')
  await mia.fill('Topic', 'The plans of May')
  await mia.press('Save')
  await mia.page.getByText('Saved.').waitFor()
  await bob.sees('mia changed the topic to: The plans of May')
  await ada.page.locator('.topic', { hasText: 'The plans of May' }).waitFor()
  await mia.fill('Title', 'Plans for May')
  await mia.press('Save')
  await ada.page.getByRole('heading', { name: 'Plans for May' }).waitFor()
  await bob.sees('Plans for May (private)')
  await mia.page.getByLabel('Who may add people').selectOption('moderators')
  await bob.sees('allowed only moderators to add people')
  await mia.press('Close')
}

/** Lets two owners leave a room at the same time. One of them must stay, because the room has another member. */
export const leaveRoom = async ({ ada, bob, api, asAda, asBob, idOf }: Stage): Promise<void> => {
  const { room } = await api.call('POST', '/rooms', { visibility: 'private', title: 'Pair' })
  for (const name of ['ada', 'bob']) {
    await api.call('PUT', `/rooms/${room}/members/${await idOf(name)}`, { role: 'owner' })
  }
  await api.call('PUT', `/rooms/${room}/members/${await idOf('mia')}`, { role: 'member' })
  await ada.open('Pair')
  await bob.go('Pair', 'Pair (private)')
  await ada.details('Members')
  await ada.press('Leave the room…')
  const dialog = ada.page.getByRole('dialog')
  const leave = dialog.getByRole('button', { name: 'Leave', exact: true }).click()
  await Promise.all([leave, bob.type('/leave')])
  const refusal = dialog.locator('.refusal').waitFor()
  const departure = ada.link(/^Pair/).waitFor({ state: 'detached' })
  const hasAdaLeft = await Promise.race([refusal.then(() => false), departure.then(() => true)])
  await bob.sees(hasAdaLeft ? 'owner' : 'You are no longer a member of this room.')
  const { members } = await api.call('GET', `/rooms/${room}/members`)
  const owners = members.filter(({ role }: { role: string }) => role === 'owner')
  assert.deepEqual(
    owners.map(({ username }: { username: string }) => username),
    [hasAdaLeft ? 'bob' : 'ada']
  )
  if (!hasAdaLeft) await ada.press('Close')
  await (hasAdaLeft ? asBob : asAda).call('DELETE', `/rooms/${room}`)
  await ada.link(/^Pair/).waitFor({ state: 'detached' })
  await bob.go('general', '#general')
}
