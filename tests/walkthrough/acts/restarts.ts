/** Kills a process while all users post, and restarts the other process as in an upgrade. */
import assert from 'node:assert/strict'
import type { Stage } from '../stage.ts'

const COUNT = 12
const textsOf = (name: string): string[] => Array.from({ length: COUNT }, (_, at) => `${name} counts ${at + 1}.`)

/**
 * Lets all users post. Kills the process of ada and bob after a third of bob’s posts. Restarts it when all users have sent
 * their last post. Every message must then be stored once, and the messages of each user must be in the order of sending.
 */
export const kill = async ({ ada, bob, mia, mias, api, first, acks }: Stage): Promise<void> => {
  for (const page of [ada, mia]) await page.open('Tea')
  for (const terminal of [bob, mias]) await terminal.go('tea', '#tea')
  const from = acks.length
  let killing: Promise<void> | undefined
  const post = async (name: string, send: (text: string) => Promise<void>): Promise<void> => {
    for (const [at, text] of textsOf(name).entries()) {
      if (name === 'bob' && at === COUNT / 3) killing = first.end('SIGKILL')
      await send(text)
    }
  }
  const submit = (page: typeof ada) => async (text: string) => {
    await page.composer().fill(text)
    await page.page.keyboard.press('Enter')
  }
  await Promise.all([
    post('ada', submit(ada)),
    post('bob', bob.type),
    post('mia', submit(mia)),
    post('terminal', mias.type)
  ])
  await killing
  await ada.page.getByText('Your messages will be sent when the connection is back.').waitFor()
  await bob.sees('reconnecting…')
  await mias.type('The others are away')
  await mia.sees('The others are away')
  await first.start()

  const expected = ['ada', 'bob', 'mia', 'terminal'].flatMap(textsOf)
  for (const text of [...expected, 'The others are away']) {
    for (const page of [ada, mia]) await page.line(text).and(page.page.locator('.stored')).waitFor()
    for (const terminal of [bob, mias])
      await terminal.sees(new RegExp(`#\\d+ \\d\\d:\\d\\d \\S+ ${text.replace('.', '\\.')}`))
  }
  const { messages } = await api.call('GET', '/rooms/tea/messages?limit=200&view=messages')
  const contents = messages.map(({ content }: { content: string | null }) => content)
  for (const text of expected) assert.equal(contents.filter((one: string | null) => one === text).length, 1, text)
  const seqs = new Set(messages.map(({ seq }: { seq: number }) => seq))
  for (const { room, seq, client } of acks.slice(from)) {
    if (room === 'tea') assert.ok(seqs.has(seq), `#${seq} was acknowledged to ${client} and lost`)
  }
  for (const name of ['ada', 'bob', 'mia', 'terminal']) {
    const own = contents.filter((one: string | null) => one?.startsWith(`${name} counts`))
    assert.deepEqual(own, textsOf(name), 'the order')
  }
}

/** Restarts a process with a planned shutdown, which sends the clients a `reconnect` frame. */
export const restart = async ({ ada, mia, mias, second, checklist }: Stage): Promise<void> => {
  const ended = second.end('SIGTERM')
  await mia.composer().fill('Sent during the restart')
  await mia.page.keyboard.press('Enter')
  await ended
  assert.ok(checklist.isTicked('frame reconnect'))
  await second.start()
  await ada.sees('Sent during the restart')
  await mias.sees('mia Sent during the restart')
}
