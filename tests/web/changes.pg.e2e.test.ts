/** Tests messages that change in the page: replies, reactions, edits, deletions with undo, and mentions. */
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { BUILT_IN } from '../../src/chat/kinds/index.ts'
import { UNDO_MS } from '../../src/web/actions/deletions.ts'
import { enterAs, launchChromium, openTab, type Tab } from '../support/browser.ts'
import { problemsOf } from '../support/page-problems.ts'
import { isAvailable } from '../support/requirements.ts'
import { type Person, type RunningChat, type StartOptions, startChat } from '../support/start-chat.ts'

let browser: Browser

const ROOM = '/api/chat/rooms/general/messages'

/** Starts a service with users, and opens a browser tab for each of them. */
const start = async (names: readonly string[], options = {}, injected: StartOptions = {}) => {
  const chat = await startChat({ settings: { messageRateLimit: 0 }, ...injected })
  const people: Person[] = []
  const tabs: Tab[] = []
  for (const name of names) {
    people.push(await chat.register(name))
    const tab = await openTab(browser, options)
    onTestFinished(() => tab.page.context().close())
    await enterAs(tab, chat.url, name)
    tabs.push(tab)
  }
  return { chat, people, tabs, pages: tabs.map(({ page }) => page) }
}

const post = (chat: RunningChat, { token }: Person, body: object) => chat.call('POST', ROOM, { token, body })
const composer = (page: Page): Locator => page.locator('.composer textarea')
const line = (page: Page, text: string | RegExp): Locator =>
  page.locator('.line', { has: page.locator('.bubble', { hasText: text }) })
const say = async (page: Page, text: string): Promise<void> => {
  await composer(page).fill(text)
  await page.keyboard.press('Enter')
  await line(page, text).and(page.locator('.stored')).waitFor()
}
/** Opens the menu of a message with the pointer. */
const openMenu = async (page: Page, text: string): Promise<void> => {
  await line(page, text).hover()
  await line(page, text).getByRole('button', { name: 'Actions' }).click()
  await page.getByRole('menu').waitFor()
}
const choose = (page: Page, name: string): Promise<void> => page.getByRole('menuitem', { name }).click()
const reaction = (page: Page, name: string): Locator => page.getByRole('button', { name })
const focused = (page: Page): Promise<string> =>
  page.locator(':focus').evaluate((element: { getAttribute(name: string): string | null; textContent: string }) => {
    return element.getAttribute('aria-label') ?? element.textContent
  })

describe.runIf(isAvailable('chromium'))('the page', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('lets two users reply, react, edit and delete with the pointer, and shows each the changes of the other', async () => {
    const { tabs, pages } = await start(['ada', 'bob'])
    const [ada, bob] = pages as [Page, Page]
    await say(ada, 'Shall we ship?')
    await openMenu(bob, 'Shall we ship?')
    // A second click on the button closes the menu.
    await bob.getByRole('button', { name: 'Actions' }).click()
    // Waits before the check, because a menu that closes when the button is pressed could open again when it is released.
    await bob.waitForTimeout(300)
    expect(await bob.getByRole('menu').count()).toBe(0)
    await openMenu(bob, 'Shall we ship?')
    await choose(bob, 'Reply')
    await bob.getByText('Reply to').waitFor()
    await say(bob, 'Tomorrow')
    const quote = line(ada, 'Tomorrow').getByRole('button', { name: /In reply to ada Shall we ship/ })
    await quote.click()
    await ada.locator('.line:focus .bubble', { hasText: 'Shall we ship?' }).waitFor()

    await line(bob, 'Shall we ship?').first().hover()
    await bob.getByRole('toolbar').getByRole('button', { name: 'React' }).click()
    await bob.getByRole('searchbox').fill('rocket')
    await bob.keyboard.press('Enter')
    await reaction(ada, '🚀 1 reaction').click()
    const both = reaction(bob, '🚀 2 reactions')
    expect(await both.getAttribute('aria-pressed')).toBe('true')
    await both.hover()
    await bob.getByRole('tooltip').getByText('bob, ada').waitFor()
    await both.click()
    await reaction(ada, '🚀 1 reaction').waitFor()
    expect(await reaction(bob, '🚀 1 reaction').getAttribute('aria-pressed')).toBe('false')

    await openMenu(ada, 'Shall we ship?')
    await choose(ada, 'Edit')
    expect(await composer(ada).inputValue()).toBe('Shall we ship?')
    await composer(ada).fill('Shall we ship today?')
    await ada.getByRole('button', { name: 'Save' }).click()
    await line(bob, 'Shall we ship today? (edited)').waitFor()
    await line(bob, 'Tomorrow')
      .getByRole('button', { name: /Shall we ship today/ })
      .waitFor()

    await openMenu(bob, 'Tomorrow')
    await choose(bob, 'Delete')
    await bob.getByRole('button', { name: 'Undo' }).click()
    await line(bob, 'Tomorrow').waitFor()
    await openMenu(bob, 'Tomorrow')
    await choose(bob, 'Delete')
    await line(ada, 'This message was deleted.').waitFor()
    await line(bob, 'This message was deleted.').waitFor()
    for (const page of pages) expect(await page.content()).not.toContain('Tomorrow')
    expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([])
  })

  test('lets a user reply, react, edit and delete by keyboard alone', async () => {
    const { chat, tabs, pages } = await start(['ada'])
    const [page] = pages as [Page]
    const bob = await chat.register('bob')
    await post(chat, bob, { content: 'first' })
    await post(chat, bob, { content: 'second' })
    await line(page, 'second').waitFor()
    const press = async (...keys: string[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key)
    }
    // Moves from the composer back to the list. The list is one tab stop.
    await page.getByRole('log').focus()
    await press('ArrowUp')
    expect(await focused(page)).toContain('second')
    await press('ArrowUp')
    expect(await focused(page)).toContain('first')
    await press('ArrowUp', 'ArrowDown', 'Home')
    expect(await focused(page)).toContain('first')
    await press('Enter')
    await page.getByRole('menu').waitFor()
    expect(await focused(page)).toBe('thumbs up')
    await press('ArrowRight', 'Enter')
    const heart = line(page, 'first').getByRole('button', { name: '❤️ 1 reaction' })
    await heart.waitFor()
    expect(await heart.getAttribute('aria-pressed')).toBe('true')
    expect(await focused(page)).toContain('first')
    await press('Tab')
    // The toolbar is one tab stop, and the reactions follow it.
    expect(await focused(page)).toBe('Actions')
    await press('ArrowLeft')
    expect(await focused(page)).toBe('Reply')
    await press('ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'Tab')
    expect(await focused(page)).toContain('❤️')
    await page.getByRole('tooltip').getByText('ada').waitFor()
    await press('Escape')
    await page.getByRole('tooltip').waitFor({ state: 'detached' })
    await press('Space')
    await heart.waitFor({ state: 'detached' })

    await page.getByRole('log').focus()
    await press('ArrowUp', 'Shift+F10')
    await page.getByRole('menu').waitFor()
    await press('r', 'Enter')
    await page.locator('textarea:focus').waitFor()
    await page.keyboard.type('third')
    await press('Enter')
    await line(page, 'third')
      .and(page.locator('.stored'))
      .getByRole('button', { name: /In reply to bob second/ })
      .waitFor()

    await press('ArrowUp')
    expect(await focused(page)).toBe('Edit your message')
    await page.keyboard.type(' and last')
    await press('Escape')
    expect(await composer(page).inputValue()).toBe('')
    await press('ArrowUp')
    await page.keyboard.type(', edited')
    await press('Enter')
    await line(page, 'third, edited (edited)').waitFor()
    expect(await focused(page)).toBe('Message to General')

    await page.getByRole('log').focus()
    await press('End', 'Enter')
    await page.getByRole('menu').waitFor()
    await press('End', 'Enter')
    await page.getByRole('status').getByText('Message deleted. You can undo this').waitFor({ state: 'attached' })
    await press('Tab', 'Tab')
    expect(await focused(page)).toBe('Undo')
    await press('Enter')
    await line(page, 'third, edited').waitFor()
    await press('Enter')
    await page.getByRole('menu').waitFor()
    await press('Escape', 'Escape')
    expect(await focused(page)).toBe('Message to General')
    expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([])
  })

  test('completes mentions, marks messages that mention the user, and announces them', async () => {
    const { chat, people, pages } = await start(['ada', 'bob'])
    const [ada, bob] = pages as [Page, Page]
    for (const page of pages) await page.getByRole('heading', { name: '2 people here' }).waitFor()
    await composer(ada).pressSequentially('Hi @b')
    await ada.getByRole('option', { name: 'bob' }).waitFor()
    await ada.keyboard.press('Escape')
    await ada.getByRole('listbox').waitFor({ state: 'detached' })
    await composer(ada).pressSequentially('o')
    await ada.getByRole('option', { name: 'bob' }).waitFor()
    expect(await composer(ada).getAttribute('aria-activedescendant')).toBe('mention-0')
    await ada.keyboard.press('Enter')
    expect(await composer(ada).inputValue()).toBe('Hi @bob ')
    await composer(ada).pressSequentially('there')
    await ada.keyboard.press('Enter')
    const marked = bob.locator('.line.for-me')
    await marked.waitFor()
    expect(await marked.locator('.mention').textContent()).toBe('@bob')
    await bob.getByRole('status').getByText('Mentions you: ada: Hi @bob there').waitFor({ state: 'attached' })
    expect(await line(ada, 'Hi @bob there').and(ada.locator('.for-me')).count()).toBe(0)
    const { body } = await chat.call('GET', `${ROOM}?view=messages`, { token: people[0]?.token ?? '' })
    expect(body.messages[0].mentions).toEqual([people[1]?.id])
  })

  test('keeps the caret where the user types after a completion, even before the next frame', async () => {
    const { pages } = await start(['ada', 'bob'])
    const [ada] = pages as [Page]
    await ada.getByRole('heading', { name: '2 people here' }).waitFor()
    // Delays animation frames, as a busy machine or a background tab does while the user continues to type.
    await ada.evaluate('requestAnimationFrame = next => setTimeout(next, 500)')
    await composer(ada).fill('Hi  and others')
    for (const key of ['Home', 'ArrowRight', 'ArrowRight', 'ArrowRight']) await ada.keyboard.press(key)
    await composer(ada).pressSequentially('@b')
    await ada.getByRole('option', { name: 'bob' }).waitFor()
    await ada.keyboard.press('Enter')
    await composer(ada).pressSequentially('there', { delay: 150 })
    expect(await composer(ada).inputValue()).toBe('Hi @bob thereand others')
  })

  test('removes the text of a deleted message from the list, the quotes, the composer and the announcements', async () => {
    const { chat, people, pages } = await start(['ada'])
    const [page] = pages as [Page]
    const bob = await chat.register('bob')
    const secret = await post(chat, bob, { content: 'my secret' })
    await line(page, 'my secret').waitFor()
    const { token = '' } = people[0] ?? {}
    await chat.call('POST', ROOM, { token, body: { content: 'an answer', reply_to: secret.body.seq } })
    await line(page, 'an answer')
      .getByRole('button', { name: /my secret/ })
      .waitFor()
    await openMenu(page, 'my secret')
    await choose(page, 'Reply')
    await page.locator('.subject', { hasText: 'my secret' }).waitFor()
    await page.getByRole('status').getByText('bob: my secret').waitFor({ state: 'attached' })
    await chat.call('DELETE', `${ROOM}/${secret.body.seq}`, { token: bob.token })
    await line(page, 'This message was deleted.').waitFor()
    expect(await page.content()).not.toContain('my secret')
    expect(await page.locator('.subject').textContent()).toContain('Message deleted')
  })

  test('leaves an edit when its message is deleted in another tab', async () => {
    const { chat, people, pages } = await start(['ada'])
    const [page] = pages as [Page]
    await composer(page).fill('a draft')
    const { token = '' } = people[0] ?? {}
    const bob = await chat.register('bob')
    await post(chat, bob, { content: 'hello' })
    const sent = await chat.call('POST', ROOM, { token, body: { content: 'to be deleted' } })
    await openMenu(page, 'to be deleted')
    await choose(page, 'Edit')
    await composer(page).fill('to be deleted soon @b')
    await page.getByRole('option', { name: 'bob' }).waitFor()
    await chat.call('DELETE', `${ROOM}/${sent.body.seq}`, { token })
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    expect(await composer(page).inputValue()).toBe('a draft')
    expect(await page.content()).not.toContain('to be deleted')
    // The list of names must be closed too. Otherwise a chosen name would be inserted into the draft, at the position that the
    // caret had in the edit.
    expect(await page.getByRole('listbox').count()).toBe(0)
  })

  test('stops the timer of a deletion until neither the pointer nor the focus is on Undo', async () => {
    const { pages } = await start(['ada'])
    const [page] = pages as [Page]
    await page.clock.install()
    await say(page, 'to be deleted')
    await openMenu(page, 'to be deleted')
    await choose(page, 'Delete')
    const undo = page.getByRole('button', { name: 'Undo' })
    await undo.hover()
    await undo.focus()
    await page.mouse.move(0, 0)
    await page.clock.fastForward(2 * UNDO_MS)
    expect(await undo.count()).toBe(1)
    await undo.hover()
    await undo.blur()
    await page.clock.fastForward(2 * UNDO_MS)
    expect(await undo.count()).toBe(1)
    await page.mouse.move(0, 0)
    await page.clock.fastForward(UNDO_MS)
    await line(page, 'This message was deleted.').waitFor()
  })

  test('sends a deletion whose Undo button had the pointer when the user went to another room', async () => {
    const { chat, people, pages } = await start(['ada'])
    const [page] = pages as [Page]
    const { token = '' } = people[0] ?? {}
    await chat.call('POST', '/api/chat/rooms', { token, body: { room: 'tea', title: 'Tea' } })
    await page.clock.install()
    await say(page, 'to be deleted')
    await openMenu(page, 'to be deleted')
    await choose(page, 'Delete')
    await page.getByRole('button', { name: 'Undo' }).hover()
    await page.evaluate(`location.hash = 'tea'`)
    await page.getByRole('textbox', { name: 'Message to Tea' }).waitFor()
    await page.clock.fastForward(UNDO_MS)
    const read = async () => (await chat.call('GET', `${ROOM}?view=messages`, { token })).body.messages[0].content
    await expect.poll(read).toBe(null)
  })

  test('keeps the focus on the line of a message that the user deletes', async () => {
    const { pages } = await start(['ada'])
    const [page] = pages as [Page]
    await page.clock.install()
    await say(page, 'first')
    await say(page, 'second')
    await page.getByRole('log').focus()
    await page.keyboard.press('Home')
    await page.keyboard.press('Enter')
    await page.getByRole('menu').waitFor()
    await page.keyboard.press('End')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Undo' }).waitFor()
    await page.clock.fastForward(UNDO_MS)
    await line(page, 'This message was deleted.').waitFor()
    expect(await focused(page)).toContain('This message was deleted.')
    await page.keyboard.press('ArrowDown')
    expect(await focused(page)).toContain('second')
  })

  test('shows no error for an action on a message that its author has deleted meanwhile', async () => {
    const { chat, pages } = await start(['ada'])
    const [page] = pages as [Page]
    const bob = await chat.register('bob')
    const refused: string[] = []
    // Delays the entry of the deletion, so that the page still offers actions on the message.
    let release = (): void => {}
    await page.routeWebSocket(/\/ws\//, client => {
      client.connectToServer().onMessage(text => {
        if (String(text).includes('already_deleted')) refused.push(String(text))
        if (!String(text).includes('"type":"deletion"')) return client.send(text)
        release = () => client.send(text)
      })
    })
    await page.reload()
    await post(chat, bob, { content: 'short-lived' })
    await chat.call('PUT', `${ROOM}/1/reactions/up`, { token: bob.token })
    await reaction(page, ':up: 1 reaction').waitFor()
    await chat.call('DELETE', `${ROOM}/1`, { token: bob.token })
    await reaction(page, ':up: 1 reaction').click()
    await expect.poll(() => refused.length).toBe(1)
    await reaction(page, ':up: 1 reaction').waitFor()
    expect(await page.locator('.failure').count()).toBe(0)
    release()
    await line(page, 'This message was deleted.').waitFor()
    expect(await page.locator('.failure').count()).toBe(0)
  })

  test('deletes messages at once when the user leaves the page or logs out within the time to undo', async () => {
    for (const leave of [
      (page: Page) => page.goto('about:blank'),
      (page: Page) => page.getByRole('button', { name: 'Log out' }).click()
    ]) {
      const { chat, pages } = await start(['ada'])
      const [page] = pages as [Page]
      // Deletes two messages, because the SDK sends a second deletion only after the response to the first. The page must send
      // both without waiting for this response.
      for (const text of ['one to delete', 'another to delete']) {
        await say(page, text)
        await openMenu(page, text)
        await choose(page, 'Delete')
      }
      await leave(page)
      const { token } = await chat.register('bob')
      const read = async (): Promise<unknown[]> => {
        const { body } = await chat.call('GET', `${ROOM}?view=messages`, { token })
        return body.messages.map(({ content }: { content: unknown }) => content)
      }
      // The timeout is shorter than the time to undo. If the page waits for that time, the test fails.
      await expect.poll(read, { timeout: 4000 }).toEqual([null, null])
    }
  })

  test('shows why a change was refused, and tries again or discards it', async () => {
    const { chat, people, pages } = await start(['ada'])
    const [page] = pages as [Page]
    await say(page, 'shown')
    const { token = '' } = people[0] ?? {}
    const bob = await chat.register('bob')
    // Another client of the user adds ten reactions, which is the maximum of a user for one message.
    for (const key of ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'])
      await chat.call('PUT', `${ROOM}/1/reactions/${key}`, { token })
    await chat.call('PUT', `${ROOM}/1/reactions/bob`, { token: bob.token })
    await reaction(page, ':bob: 1 reaction').click()
    const failure = page.locator('.failure')
    await failure.getByText(/^Reaction not saved\. ./).waitFor()
    expect(await reaction(page, ':bob: 1 reaction').getAttribute('aria-pressed')).toBe('false')
    await chat.call('DELETE', `${ROOM}/1/reactions/0`, { token })
    await failure.getByRole('button', { name: 'Try again' }).click()
    await reaction(page, ':bob: 2 reactions').waitFor()
    await failure.waitFor({ state: 'detached' })
  })

  test('shows the former text after a refused edit, and puts the refused text into the composer again', async () => {
    const { chat, people, pages } = await start(
      ['ada'],
      {},
      {
        settings: { messageRateLimit: 0, editWindowMinutes: 1 }
      }
    )
    const [page] = pages as [Page]
    await say(page, 'former')
    await chat.database.client.query(
      `update ${chat.database.schema}.messages set created_at = created_at - interval '1 hour'`
    )
    await composer(page).press('ArrowUp')
    await composer(page).fill('changed')
    await page.keyboard.press('Enter')
    const failure = page.locator('.failure')
    await failure.getByText(/^Not edited\. ./).waitFor()
    await line(page, 'former').waitFor()
    await failure.getByRole('button', { name: 'Edit again' }).click()
    await failure.waitFor({ state: 'detached' })
    expect(await composer(page).inputValue()).toBe('changed')
    await page.keyboard.press('Enter')
    await failure.getByRole('button', { name: 'Edit again' }).waitFor()
    // Another client of the user deletes the message, so there is nothing left to edit.
    await chat.call('DELETE', `${ROOM}/1`, { token: people[0]?.token ?? '' })
    await line(page, 'This message was deleted.').waitFor()
    expect(await failure.count()).toBe(0)
  })

  test('opens the menu of a message with a visible button on a touch screen', async () => {
    const { chat, pages } = await start(['ada'], {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true
    })
    const [page] = pages as [Page]
    const bob = await chat.register('bob')
    await post(chat, bob, { content: 'x'.repeat(300) })
    await line(page, 'xxx').getByRole('button', { name: 'Actions' }).tap()
    await page.getByRole('menuitemcheckbox', { name: 'party' }).tap()
    await reaction(page, '🎉 1 reaction').waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    await line(page, 'xxx').getByRole('button', { name: 'Actions' }).tap()
    await page.getByRole('menuitem', { name: 'More emojis' }).tap()
    await page.getByRole('button', { name: 'robot' }).tap()
    const robot = reaction(page, '🤖 1 reaction')
    await robot.dispatchEvent('pointerdown', { pointerType: 'touch' })
    await page.getByRole('tooltip').getByText('ada').waitFor()
    await robot.dispatchEvent('pointerup', { pointerType: 'touch' })
    await robot.dispatchEvent('click')
    await composer(page).tap()
    await page.getByRole('tooltip').waitFor({ state: 'detached' })
    await robot.tap()
    await reaction(page, '🤖').waitFor({ state: 'detached' })
  })

  test('does not count changes of messages as unread messages', async () => {
    const { chat, people, pages } = await start(['ada'])
    const [page] = pages as [Page]
    const { token = '' } = people[0] ?? {}
    const bob = await chat.register('bob')
    await chat.call('POST', '/api/chat/rooms', { token, body: { room: 'tea', title: 'Tea' } })
    const tea = '/api/chat/rooms/tea/messages'
    await chat.call('POST', tea, { token: bob.token, body: { content: 'Earl Grey?' } })
    await page.evaluate(`location.hash = 'tea'`)
    await line(page, 'Earl Grey?').waitFor()
    await page.evaluate(`location.hash = ''`)
    await page.getByRole('textbox', { name: 'Message to General' }).waitFor()
    await chat.call('PUT', `${tea}/1/reactions/up`, { token: bob.token })
    await chat.call('PATCH', `${tea}/1`, { token: bob.token, body: { content: 'Assam?' } })
    await chat.call('POST', tea, { token: bob.token, body: { content: 'Or coffee?' } })
    await page.getByRole('link', { name: 'Tea 1 unread' }).waitFor()
  })

  test('offers no change that the service does not accept', async () => {
    const kinds = BUILT_IN.filter(({ kind }) => !['edit', 'deletion', 'reaction'].includes(kind))
    const { pages } = await start(['ada'], {}, { builtInKinds: kinds })
    const [page] = pages as [Page]
    await say(page, 'only a message')
    await line(page, 'only a message').hover()
    // Waits, because the page loads the code of the toolbar when it shows the first toolbar.
    await page.getByRole('toolbar').waitFor()
    expect(await page.getByRole('toolbar').getByRole('button').count()).toBe(2)
    await openMenu(page, 'only a message')
    expect(await page.getByRole('menuitem').allTextContents()).toEqual([' Reply', ' Copy text'])
    expect(await page.getByRole('menuitemcheckbox').count()).toBe(0)
    await page.keyboard.press('Escape')
    await composer(page).press('ArrowUp')
    expect(await page.getByRole('textbox', { name: 'Edit your message' }).count()).toBe(0)
  })

  test('jumps to a message that is not loaded yet', async () => {
    const { chat, people, pages } = await start(['ada'])
    const [page] = pages as [Page]
    const { token = '' } = people[0] ?? {}
    const bob = await chat.join(await chat.register('bob'))
    for (let number = 1; number <= 140; number++) bob.send({ type: 'message', content: `message ${number}` })
    while ((await bob.nextOf('message')).seq < 140);
    await chat.call('POST', ROOM, { token, body: { content: 'found you', reply_to: 3 } })
    await page.reload()
    await line(page, 'found you')
      .getByRole('button', { name: /In reply to bob message 3/ })
      .click()
    await page.locator('.line:focus .bubble').getByText('message 3', { exact: true }).waitFor()
  })

  test.each(['light', 'dark'] as const)(
    'has no findings of axe-core for messages that change in the %s theme',
    async colorScheme => {
      const { chat, people, tabs, pages } = await start(['ada'], { colorScheme, reducedMotion: 'reduce' })
      const [page] = pages as [Page]
      const { token = '', id } = people[0] ?? {}
      const bob = await chat.register('bob')
      await post(chat, bob, { content: 'Hi @ada', mentions: [id] })
      await chat.call('POST', ROOM, { token, body: { content: 'Hi', reply_to: 1 } })
      await post(chat, bob, { content: 'gone' })
      await chat.call('DELETE', `${ROOM}/3`, { token: bob.token })
      await chat.call('PATCH', `${ROOM}/2`, { token, body: { content: 'Hello' } })
      for (const key of ['👍', 'ship_it'])
        await chat.call('PUT', `${ROOM}/2/reactions/${encodeURIComponent(key)}`, { token })
      await reaction(page, ':ship_it: 1 reaction').waitFor()
      for (const width of [360, 768, 1280]) {
        await page.setViewportSize({ width, height: 740 })
        await line(page, 'Hi @ada').first().hover()
        await line(page, 'Hi @ada').first().getByRole('toolbar').waitFor()
        expect(await problemsOf(page)).toEqual([])
        await openMenu(page, 'Hello')
        expect(await problemsOf(page)).toEqual([])
        await choose(page, 'More emojis')
        await page.getByRole('searchbox').waitFor()
        expect(await problemsOf(page)).toEqual([])
        await page.keyboard.press('Escape')
        await reaction(page, ':ship_it: 1 reaction').hover()
        await page.getByRole('tooltip').waitFor()
        expect(await problemsOf(page)).toEqual([])
        await openMenu(page, 'Hello')
        await choose(page, 'Reply')
        await composer(page).fill('@')
        await page.getByRole('listbox').waitFor()
        expect(await problemsOf(page)).toEqual([])
        await composer(page).fill('')
        await page.keyboard.press('Escape')
        await openMenu(page, 'Hello')
        await choose(page, 'Delete')
        await page.getByRole('button', { name: 'Undo' }).hover()
        expect(await problemsOf(page)).toEqual([])
        await page.getByRole('button', { name: 'Undo' }).click()
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      }
      expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([])
    }
  )
})
