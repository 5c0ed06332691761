/** Uses mutes, bans, removals, slow mode, the archive and reports, and checks what they prevent. */
import type { Stage } from '../stage.ts'
import type { Terminal } from '../terminal.ts'

const ROOM = 'Plans for May'

/** Mutes bob with and without an end. The service refuses what bob sends while he is muted. */
export const mute = async ({ ada, bob, mia, mias, services, idOf }: Stage): Promise<void> => {
  for (const page of [ada, mia]) await page.open(ROOM)
  await bob.go(ROOM, `${ROOM} (private)`)
  await mias.command('/mute bob 1h too loud', () => bob.sees(/mia muted you until [\d-]+ [\d:]+: too loud/))
  await ada.note('mia muted bob').waitFor()
  await bob.type('I was not loud')
  await bob.sees(/not sent: You are muted in this room\./)
  // Shortens the mute instead of waiting for an hour.
  await services.sql`update restrictions set until = now() where user_id = ${await idOf('bob')} and kind = 'mute'`
  await bob.command('/retry', () => ada.sees('I was not loud'))

  await mia.details('Members')
  await mia.press('Manage bob')
  await mia.press('Mute…')
  await mia.page.getByLabel('Duration').selectOption('')
  await mia.press('Mute bob')
  await bob.sees('mia muted you')
  await mia.press('Restrictions')
  await mia.page.getByRole('dialog').getByText('without an end').waitFor()
  await mia.press('Close')
  await mias.command('/restrictions', () => mias.sees('bob is muted without an end'))
  await bob.type('Nobody reads this')
  await bob.sees(/Nobody reads this[\s\S]*not sent: You are muted in this room\./)
  await bob.command('/discard', () => bob.loses('Nobody reads this'))
  await mias.command('/unmute bob', () => bob.sees('mia unmuted you'))
  await ada.note('mia unmuted bob').waitFor()
}

/** Bans bob from a room, and then removes him as a member. Each time, bob sees the room only after mia has added him again. */
export const ban = async ({ ada, bob, mia, mias }: Stage): Promise<void> => {
  await mias.command('/ban bob 7d spam', () => bob.sees(/banned[\s\S]* Go to another room with \/room NAME\./))
  await ada.note('mia banned bob').waitFor()
  await mias.command('/unban bob', () => ada.note('mia unbanned bob').waitFor())
  await mia.details('Add people')
  await mia.fill('Name begins with', 'bob')
  await mia.press('Add bob')
  await mia.page.getByText('bob is a member now.').waitFor()
  await mia.press('Close')
  await bob.go('general', '#general')
  await bob.go(ROOM, `${ROOM} (private)`)
  await mias.command('/kick bob', () => bob.sees(/no longer a member[\s\S]* Go to another room with \/room NAME\./))
  await ada.note('mia removed bob').waitFor()
  await mias.type('/invite bob')
  await ada.note('mia added bob').waitFor()
  await bob.go('general', '#general')
  await bob.go(ROOM, `${ROOM} (private)`)
}

/** Turns on slow mode, and checks that it delays a message. Archives the room, and checks that nobody can post. */
export const slowDown = async ({ ada, bob, mias }: Stage): Promise<void> => {
  await mias.command('/slow 60', () => bob.sees('mia set slow mode to 1 minute'))
  await bob.type('One')
  await ada.sees('One')
  await bob.type('Too soon')
  await bob.sees(/Too soon[\s\S]*The room is in slow mode\. This message is sent at/)
  await bob.type('/discard')
  await bob.loses('Too soon')
  await mias.type('/slow 0')
  await ada.note('mia turned off slow mode').waitFor()
  await mias.command('/archive', () =>
    ada.page.getByText('This room is archived. You can read it, but nobody can post.').waitFor()
  )
  await bob.type('After the archive')
  await bob.sees(/not sent: The room is archived/)
  await bob.type('/discard')
  await bob.loses('After the archive')
  await mias.command('/unarchive', () => ada.composer().waitFor())
  await bob.type('The room is open again')
  await ada.sees('The room is open again')
}

/** Returns the number of the open report about a text. `/reports` shows this number. */
const reportOf = async (terminal: Terminal, text: string): Promise<string> => {
  await terminal.type('/reports')
  const [, id = ''] = await terminal.sees(new RegExp(`Report (\\d+): #\\d+ \\S+: ${text}`))
  return id
}

/** Resolves a report in the browser as an administrator. */
export const report = async ({ ada, bob, mia }: Stage): Promise<void> => {
  await bob.type('Rude words')
  await ada.choose('Rude words', 'Report…')
  await ada.fill('Reason', 'Not kind')
  await ada.press('Report')
  await ada.page.getByText('The message was reported.').waitFor()
  await ada.press('Close')
  await mia.press('Administration')
  await mia.press('Reports')
  await mia.page.getByText('Not kind').waitFor()
  await mia.press('Delete the message')
  await mia.page.getByText('There are no open reports.').waitFor()
  await mia.press('Close')
  await ada.line('Rude words').waitFor({ state: 'detached' })
  await bob.loses('Rude words')
}

/** Dismisses and resolves reports as a moderator of the room, in the browser and in the terminal. */
export const reportInRoom = async ({ ada, bob, mia, mias }: Stage): Promise<void> => {
  for (const text of ['Harmless words', 'Useful words', 'More rude words']) {
    await ada.say(text)
    const number = await bob.numberOf(text)
    await bob.command(`/report #${number} ${text} again`, () => bob.sees(`You reported #${number}.`))
  }
  await mia.details('Reports')
  const first = mia.page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'Harmless words again' })
  await first.getByRole('button', { name: 'Dismiss the report' }).click()
  await first.waitFor({ state: 'detached' })
  await mia.press('Close')
  await mias.command('/reports', () => mias.sees('Useful words again'))
  await mias.command(`/dismiss ${await reportOf(mias, 'Useful words')}`, () =>
    mias.sees('The report is dismissed, and the message stays.')
  )
  await mias.command(`/resolve ${await reportOf(mias, 'More rude words')}`, async () => {
    await ada.line('More rude words').waitFor({ state: 'detached' })
    await bob.sees('ada (deleted)')
  })
  for (const text of ['Harmless words', 'Useful words']) await ada.sees(text)
}
