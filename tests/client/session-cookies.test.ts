/** Tests sessions of the SDK in several tabs, with the refresh token in a browser cookie. */
import { afterEach, expect, test, vi } from 'vitest'
import { settled } from '../support/fake-service.ts'
import { failure, LOGIN, setUp } from '../support/session-tabs.ts'

/** Replaces BroadcastChannel: a message reaches every other channel at the next turn of the event loop. */
class FakeChannel {
  static all: FakeChannel[] = []
  onmessage: ((event: { data: unknown }) => void) | null = null
  constructor() {
    FakeChannel.all.push(this)
  }
  postMessage(data: unknown): void {
    for (const one of FakeChannel.all) if (one !== this) setImmediate(() => one.onmessage?.({ data }))
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
  FakeChannel.all = []
})

const setUpTabs = () => {
  vi.stubGlobal('BroadcastChannel', FakeChannel)
  const all = setUp()
  return { ...all, tab: () => all.tab({ isCookieMode: true }) }
}

test('keeps no refresh token in cookie mode, and passes the access token to the other tabs', async () => {
  const { service, timers, storage, tab } = setUpTabs()
  const [one, two] = [tab(), tab()]
  await one.logIn({ ...LOGIN, shouldRemember: false })
  expect(service.calls.at(-1)?.body).toEqual({ ...LOGIN, cookie: true, remember: false })
  expect(storage.entries.size).toBe(0)
  expect(await two.restore()).toBe(true)
  expect(service.calls.at(-1)).toMatchObject({ path: '/api/auth/refresh', body: {} })
  await timers.advance(1_795_000)
  await settled()
  const renewed = await one.token()
  await settled()
  expect(await two.token()).toBe(renewed)
  expect(service.refreshes).toBe(2)
})

test('ends the session of the other tabs in cookie mode when one logs out, or logs in again', async () => {
  const { tab } = setUpTabs()
  const [one, two] = [tab(), tab()]
  await one.logIn(LOGIN)
  await two.restore()
  await one.logOut()
  await settled()
  expect(two.state).toMatchObject({ status: 'ended', reason: 'logged_out' })
  await one.logIn(LOGIN)
  expect(await two.restore()).toBe(true)
  await two.logIn(LOGIN)
  await settled()
  expect(one.state).toMatchObject({ status: 'ended', reason: 'replaced' })
})

test('does not mistake the session of another user in the cookie for its own', async () => {
  const { service, timers, tab } = setUp()
  const ada = tab({ isCookieMode: true })
  await ada.logIn(LOGIN)
  await tab({ isCookieMode: true }).logIn({ ...LOGIN, username: 'bob' })
  await timers.advance(1_800_000)
  expect(await failure(ada.token())).toMatchObject({ status: 401 })
  expect(ada.state).toMatchObject({ status: 'ended', reason: 'replaced' })
  expect(service.isRevoked('s2')).toBe(false)
})
