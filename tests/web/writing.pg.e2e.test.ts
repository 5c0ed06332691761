/** Tests the composer: input methods, phones and pasted text. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { enterAs, launchChromium, openTab } from '../support/browser.ts'
import { isAvailable } from '../support/requirements.ts'
import { startChat } from '../support/start-chat.ts'

let browser: Browser

const start = async (options = {}) => {
  const chat = await startChat()
  const tab = await openTab(browser, options)
  onTestFinished(() => tab.page.context().close())
  await chat.register('ada')
  await enterAs(tab, chat.url, 'ada')
  return { chat, page: tab.page, composer: tab.page.getByRole('textbox', { name: /^Message to/ }) }
}

/**
 * Presses Enter in the focused field as an input method does in Safari. The event follows `compositionend`, and only its key code
 * shows that it comes from an input method.
 */
const pressEnterOfInputMethod = (page: Page): Promise<void> =>
  page.evaluate(`document.activeElement.dispatchEvent(
  new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, isComposing: false, bubbles: true, cancelable: true }))`)

describe.runIf(isAvailable('chromium'))('the composer', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test('ignores the Enter of an input method', async () => {
    const { page, composer } = await start()
    await composer.fill('にほん')
    await pressEnterOfInputMethod(page)
    expect(await composer.inputValue()).toBe('にほん')
    await page.keyboard.press('Enter')
    await page.locator('.line.stored').getByText('にほん').waitFor()
    expect(await page.locator('.bubble').count()).toBe(1)
  })

  test('does not complete a mention with the Enter of an input method', async () => {
    const { chat, page, composer } = await start()
    await chat.join(await chat.register('bob'))
    await page.getByRole('heading', { name: '2 people here' }).waitFor()
    await composer.pressSequentially('@b')
    await page.getByRole('option', { name: 'bob' }).waitFor()
    await pressEnterOfInputMethod(page)
    expect(await composer.inputValue()).toBe('@b')
    await page.keyboard.press('Enter')
    expect(await composer.inputValue()).toBe('@bob ')
  })

  test('starts a new line on a phone, where the button sends', async () => {
    const { page, composer } = await start({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true })
    expect(await composer.getAttribute('enterkeyhint')).toBe('enter')
    await composer.fill('one')
    await composer.press('Enter')
    await composer.pressSequentially('two')
    expect(await composer.inputValue()).toBe('one\ntwo')
    await page.getByRole('button', { name: 'Send' }).tap()
    await page.locator('.line.stored').getByText('one\ntwo').waitFor()
    expect(await composer.inputValue()).toBe('')
  })

  test('keeps and shows indentation, even at the start of a message', async () => {
    const { chat, page, composer } = await start()
    const text = '    if (a) {\n\t\tb()\n    }'
    await composer.fill(`${text}\n \n`)
    await page.keyboard.press('Enter')
    const bubble = page.locator('.line.stored .bubble')
    await bubble.waitFor()
    expect(await bubble.textContent()).toBe(text)
    expect(await bubble.evaluate(`getComputedStyle(document.querySelector('.bubble')).whiteSpace`)).toBe('pre-wrap')
    const { token } = await chat.register('bob')
    const { body } = await chat.call('GET', '/api/chat/messages', { token })
    expect(body[0].content).toBe(text)
  })
})
