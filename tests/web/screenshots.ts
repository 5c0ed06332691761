/**
 * Takes screenshots of the page at three widths in both themes, with a new service and some users:
 * `npm run screenshots -- DIR`.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Secret, TOTP } from 'otpauth'
import type { Page } from 'playwright-core'
import { openClient } from '../../src/db/client/open.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { createServer } from '../../src/server.ts'
import { launchChromium, logIn, openTab } from '../support/browser.ts'
import { testSettings } from '../support/settings.ts'

const PASSWORD = 'SecurePass123'
const folder = process.argv[2] ?? 'screenshots'
mkdirSync(folder, { recursive: true })

const schema = `shots_${randomBytes(6).toString('hex')}`
const client = await openClient({
  url: process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  poolMax: 10
})
await migrateUp(client, schema)

const start = async () => {
  const settings = testSettings({ databaseSchema: schema, audience: schema, messageRateLimit: 0 })
  const server = await createServer({ settings, client, logTo: { write() {} }, printMail() {} })
  return { server, url: await server.listen({ host: '127.0.0.1', port: 0 }) }
}

const call = async (url: string, path: string, body: object | undefined, token?: string, method = 'POST') => {
  const headers = {
    ...(body ? { 'content-type': 'application/json' } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {})
  }
  const response = await fetch(url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
  const result = JSON.parse((await response.text()) || '{}') as {
    access_token?: string
    id?: number
    room?: string
    seq?: number
  }
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(result)}`)
  return result
}

const TALK: readonly [who: string, what: string][] = [
  ['ada', 'Morning, everyone. The new release is on staging.'],
  ['grace', 'Nice! I will run the migration both ways before lunch.'],
  ['linus', 'The log says 12 ms for ten thousand rows. I did not expect that.'],
  ['grace', 'Up and down, twice. All clean.'],
  ['ada', 'Then let us ship it tomorrow.'],
  ['linus', 'Did anybody look at the reconnect banner on a phone?'],
  ['ada', 'Yes, last night, on the train.'],
  [
    'ada',
    'Went through a tunnel in the middle of a sentence. It waited, then sent everything once: nothing twice, nothing lost.'
  ],
  ['grace', 'The write-up is here, with numbers: https://chat.example.com/notes/reconnect_(2026)?from=app#numbers'],
  ['linus', `And the longest word we have seen so far: ${'Rindfleischetikettierungsüberwachung'.repeat(3)}`],
  ['mary-ann', 'I like that <b>tags</b> stay what they are: text.'],
  ['mary-ann', 'Coffee at three? ☕️'],
  ['yael', 'שלום לכולם! אני מצטרפת ב-15:00'],
  ['ada', 'Count me in 🎉']
]

/** Messages that change: replies, mentions, edits, deletions and reactions. */
const CHANGES: readonly [who: string, what: string, replyTo?: number][] = [
  ['grace', 'Who takes the release notes?'],
  ['ada', 'I do, and I start with the part about reconnections.', 1],
  ['linus', 'Wrong room, sorry'],
  ['linus', '@ada please mention the log as well'],
  ['yael', 'מצוין', 2],
  ['ada', 'Noted 👍', 4],
  ['mary-ann', 'Can somebody review this before noon?', 3]
]

const change = async (url: string, tokens: ReadonlyMap<string, string>): Promise<void> => {
  const room = '/api/chat/rooms/releases/messages'
  const { id } = await call(url, '/api/users/me', undefined, tokens.get('ada'), 'GET')
  for (const [who, content, replyTo] of CHANGES) {
    const mentions = content.includes('@ada') ? [id] : undefined
    await call(url, room, { content, reply_to: replyTo, mentions }, tokens.get(who))
  }
  await call(url, `${room}/3`, undefined, tokens.get('linus'), 'DELETE')
  await call(url, `${room}/2`, { content: 'I do, and I start with reconnections.' }, tokens.get('ada'), 'PATCH')
  const reactions: readonly [seq: number, key: string, ...who: string[]][] = [
    [1, '👀', 'linus'],
    [2, '🎉', 'grace', 'linus', 'yael', 'mary-ann'],
    [2, '❤️', 'grace', 'ada'],
    [2, 'ship_it', 'linus'],
    [4, '👍', 'ada', 'grace'],
    [7, '✅', 'yael', 'ada', 'linus']
  ]
  for (const [seq, key, ...people] of reactions) {
    for (const who of people) {
      await call(url, `${room}/${seq}/reactions/${encodeURIComponent(key)}`, undefined, tokens.get(who), 'PUT')
    }
  }
}

/** Messages that are difficult to render. */
const ODD: readonly [who: string, what: string][] = [
  ['linus', Array.from({ length: 1400 }, (_, at) => `${at % 10}`).join('\n')],
  ['mary-ann', `Is this still a letter? Z${'\u0301\u0323\u0334\u0346'.repeat(60)}a${'\u0302\u0330'.repeat(200)}lgo`],
  ['grace', 'Log in again at https://www.аррӏе.com/account or https://bank.example@evil.example/login, please.'],
  ['grace', 'Und https://münchen.example/weißwurst?um=zwölf ist echt.'],
  ['yael', '\u202etxt.exe looks like a text\nשלום, hello\nhello, שלום'],
  ['ada', 'function a () {\n    return [\n\t\t1\n    ]\n}'],
  ['ada', 'Mine too: https://bank.example@evil.example/login']
]

const seed = async () => {
  const { server, url } = await start()
  const tokens = new Map<string, string>()
  for (const username of new Set(TALK.map(([who]) => who))) {
    await call(url, '/api/auth/register', { username, password: PASSWORD })
    const login = await call(url, '/api/auth/login', { username, password: PASSWORD })
    tokens.set(username, login.access_token ?? '')
  }
  for (const [room, title] of [
    ['design', 'Design'],
    ['releases', 'Releases'],
    ['random', 'Random'],
    ['odd', 'Oddities']
  ]) {
    await call(url, '/api/chat/rooms', { room, title }, tokens.get('ada'))
  }
  for (const [who, content] of TALK) {
    await call(url, '/api/chat/rooms/general/messages', { content }, tokens.get(who))
  }
  for (const [who, content] of ODD) {
    await call(url, '/api/chat/rooms/odd/messages', { content }, tokens.get(who))
  }
  await change(url, tokens)
  await client.query(`update ${schema}.users set role = 'admin' where username = 'ada'`)
  await server.close()
  // Spreads the messages over two days, at intervals of three minutes.
  await client.query(
    `update ${schema}.messages set created_at = created_at - (15 - seq) * interval '3 minutes'
       - case when seq <= 5 then interval '1 day' else interval '0' end`
  )
  return tokens
}

/**
 * Returns the code that an authenticator app shows at a time. Does not use tests/support/two-factor.ts, because that file imports
 * Vitest, which does not run here.
 */
const codeAt = (secret: string, timestamp: number): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp })

/** Takes screenshots of the account dialog, the set-up of an authenticator app, and the view for administrators. */
const shootDialogs = async (page: Page, shot: (name: string) => Promise<unknown>): Promise<void> => {
  const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
  await page.getByRole('button', { name: /Account$/ }).click()
  for (const section of ['Profile', 'Password', 'E-mail', 'Sessions', 'Your data', 'Two-step login']) {
    await press(section)
    if (section === 'Sessions') await page.getByText('this session').waitFor()
    await shot(`account-${section.toLowerCase().replaceAll(' ', '-')}`)
  }
  await press('Set up an app')
  await page.getByRole('img', { name: 'The key as a QR code' }).waitFor()
  await shot('account-app')
  const secret = String(await page.locator('.section-form code').first().textContent()).replaceAll(' ', '')
  await page.getByLabel('Code that the app shows').fill(codeAt(secret, Date.now()))
  await press('Turn on')
  await page.getByRole('heading', { name: 'Save your recovery codes' }).waitFor()
  await shot('account-codes')
  await press('I have saved them')
  await client.query(`update ${schema}.sessions set proven_at = now() - interval '1 hour'`)
  await press('Remove the app')
  await page.getByLabel('Your password', { exact: true }).fill(PASSWORD)
  await shot('account-proof')
  const code = codeAt(secret, Date.now() + 30_000)
  await page.getByLabel('Code of your app').fill(code)
  await press('Confirm')
  await page.getByText('Off. With an app').waitFor()
  await press('Close')
  await press('Administration')
  await press('Manage grace')
  await press('Delete…')
  await shot('admin-users')
  await press('Invitations')
  await press('Create a link')
  await page.locator('.note code').waitFor()
  await shot('admin-invitation')
  await press('Audit log')
  await page.locator('.audit li').first().waitFor()
  await shot('admin-audit')
  await press('Close')
}

/** Takes screenshots of messages that change, with their menu, the emoji picker, a reply, an edit and a mention. */
const shootChanges = async (page: Page, shot: (name: string) => Promise<unknown>): Promise<void> => {
  const composer = page.locator('.composer textarea')
  await page.evaluate(`location.hash = 'releases'`)
  const line = page.locator('.line', { hasText: 'I start with reconnections' }).last()
  await line.waitFor()
  await line.hover()
  await page.waitForTimeout(200)
  await shot('changes')
  await line.focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Reply' }).waitFor()
  await shot('changes-menu')
  await page.getByRole('menuitem', { name: 'More emojis' }).click()
  await page.getByRole('searchbox').waitFor()
  await shot('changes-picker')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: '🎉 4 reactions' }).focus()
  await page.keyboard.press('Tab')
  await page.getByRole('tooltip').getByText('grace').waitFor()
  await shot('changes-reactors')
  await page.locator('.line', { hasText: 'Can somebody review' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Reply' }).click()
  await composer.fill('Yes, with @')
  await page.getByRole('listbox').waitFor()
  await shot('changes-reply')
  await composer.fill('')
  await page.keyboard.press('Escape')
  await composer.focus()
  await page.keyboard.press('ArrowUp')
  await page.getByRole('textbox', { name: 'Edit your message' }).waitFor()
  await shot('changes-edit')
  await page.keyboard.press('Escape')
  await page.locator('.own .line', { hasText: 'Noted' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await shot('changes-undo')
  await page.getByRole('button', { name: 'Undo' }).click()
}

/** Creates a private room with a pinned message, read receipts, a muted member, and a message that mentions ada. */
const seedConversation = async (url: string, tokens: ReadonlyMap<string, string>): Promise<string> => {
  const ids = new Map<string, number>()
  for (const [name, token] of tokens) ids.set(name, (await call(url, '/api/users/me', undefined, token, 'GET')).id ?? 0)
  const as = (who: string) => tokens.get(who)
  const { room } = await call(url, '/api/chat/rooms', { visibility: 'private', title: 'Plans for May' }, as('ada'))
  const path = `/api/chat/rooms/${room}`
  for (const who of ['grace', 'linus', 'yael']) {
    await call(url, `${path}/members/${ids.get(who)}`, {}, as('ada'), 'PUT')
  }
  await call(url, `${path}/messages`, { content: 'The plan is on the board.' }, as('ada'))
  const { seq } = await call(url, `${path}/messages`, { content: 'We meet on Tuesday at ten.' }, as('grace'))
  await call(url, `${path}/pins/${seq}`, undefined, as('ada'), 'PUT')
  const terms = { until: new Date(Date.now() + 86_400_000).toISOString(), reason: 'Too loud' }
  await call(url, `${path}/mutes/${ids.get('yael')}`, terms, as('ada'), 'PUT')
  await call(url, `${path}/read`, { up_to: seq }, as('linus'), 'PUT')
  await call(
    url,
    `${path}/messages`,
    { content: '@ada Can you bring the cake?', mentions: [ids.get('ada')] },
    as('grace')
  )
  return room ?? ''
}

/** Takes screenshots of a private room with new messages, its pins, and the sections of its dialog. */
const shootConversation = async (page: Page, room: string, shot: (name: string) => Promise<unknown>): Promise<void> => {
  const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
  await page.evaluate(`location.hash = '${room}'`)
  await page.locator('.bubble', { hasText: 'bring the cake' }).waitFor()
  await page.locator('.readers').first().waitFor()
  await page.locator('.note-line', { hasText: 'pinned' }).waitFor()
  await shot('conversation')
  await page.locator('.line', { hasText: 'bring the cake' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Report…' }).waitFor()
  await shot('conversation-menu')
  await page.getByRole('menuitem', { name: 'Report…' }).click()
  await page.getByRole('heading', { name: 'Report a message' }).waitFor()
  await shot('conversation-report')
  await press('Cancel')
  await press('Pinned messages')
  await page.locator('.pins li').waitFor()
  await shot('conversation-pins')
  await press('Close')
  await press('Room details')
  await press('Manage linus')
  await press('Ban…')
  await page.getByLabel('Duration').waitFor()
  await shot('conversation-ban')
  await press('Invitations')
  await press('Create a link')
  await page.locator('.new-link code').waitFor()
  await page.getByText('10 uses left').first().waitFor()
  await shot('conversation-invitations')
  await press('About')
  await page.getByLabel('Slow mode').waitFor()
  await press('Delete the room…')
  await shot('conversation-about')
  await press('Restrictions')
  await page.getByRole('dialog').getByText('Too loud').waitFor()
  await shot('conversation-restrictions')
  await press('Close')
}

const tokens = await seed()
const { server, url } = await start()
const browser = await launchChromium()

const company = async () => {
  const others = []
  for (const username of ['grace', 'linus', 'mary-ann']) {
    const tab = await openTab(browser)
    await logIn(tab, url, username, PASSWORD)
    others.push(tab.page)
  }
  return others
}

try {
  const conversation = await seedConversation(url, tokens)
  const [grace] = await company()
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [width, height] of [
      [360, 740],
      [768, 900],
      [1280, 800]
    ] as const) {
      const shot = (name: string) => page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`) })
      const touch = width < 760 ? { hasTouch: true, isMobile: true } : {}
      const tab = await openTab(browser, { viewport: { width, height }, colorScheme, ...touch })
      const { page } = tab
      await page.goto(`${url}/app`)
      await page.getByRole('button', { name: 'Register' }).click()
      await page.getByLabel('Username').fill('ada')
      await page.getByLabel('Password', { exact: true }).fill('Secure')
      await shot('login')
      await logIn(tab, url, 'ada', PASSWORD)
      await page.getByText('Count me in').waitFor()
      await call(url, '/api/chat/rooms/random/messages', { content: 'hello' }, tokens.get('linus'))
      await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`)
      await page.locator('.badge').first().waitFor({ state: 'attached' })
      // Types for four seconds, because the page sends at most one typing frame every three seconds.
      await grace?.getByRole('textbox', { name: /^Message to/ }).pressSequentially('So am I', { delay: 500 })
      await page.getByText('grace is typing').waitFor()
      await page.getByRole('textbox', { name: /^Message to/ }).fill('Then see you there')
      await shot('chat')
      await grace?.getByRole('textbox', { name: /^Message to/ }).fill('')
      if (width < 760) {
        await page.getByRole('button', { name: 'Rooms' }).click()
        await page.waitForTimeout(300)
        await shot('drawer')
      }
      await shootDialogs(page, shot)
      if (width < 760) {
        await page.keyboard.press('Escape')
        await page.getByRole('button', { name: '4 people here' }).click()
        await shot('people')
        await page.keyboard.press('Escape')
      }
      await shootChanges(page, shot)
      await shootConversation(page, conversation, shot)
      await page.evaluate(`location.hash = 'design'`)
      await page.getByText('There are no messages yet').waitFor()
      await shot('empty')
      await page.evaluate(`location.hash = 'odd'`)
      await page.getByText('Mine too').waitFor()
      await page.getByRole('textbox', { name: /^Message to/ }).fill('An unfinished\n    text, with indentation')
      await shot('odd-end')
      await page.getByRole('log').evaluate('document.querySelector(".list").scrollTop = 0')
      await shot('odd')
      await page.context().close()
    }
  }
  const { page } = await openTab(browser, { viewport: { width: 768, height: 600 } })
  await logIn({ page, complaints: [] }, url, 'ada', PASSWORD)
  await page.getByText('Count me in').waitFor()
  await server.close()
  await page.getByText('Your messages will be sent').waitFor()
  await page.getByRole('textbox', { name: /^Message to/ }).fill('Is it only me, or is the service away?')
  await page.keyboard.press('Enter')
  await page.waitForTimeout(900)
  await page.screenshot({ path: join(folder, 'away-768-light.png') })
} finally {
  await browser.close()
  await server.close()
  await client.query(`drop schema ${schema} cascade`)
  await client.close()
}
