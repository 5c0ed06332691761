/**
 * Starts everything that the walkthrough uses: two service processes on one database, two people and a moderator in two browsers
 * and two terminals, and API clients. Proxies record what the pages, the terminals and mia’s API client send and receive.
 */
import type { Browser } from 'playwright-core'
import { launchChromium } from '../support/browser.ts'
import { type Api, createApi, register } from './api.ts'
import { itemOfRequest, itemsOfFrame } from './catalog.ts'
import { API, type Checklist } from './checklist.ts'
import { openPage, PASSWORD, type PersonPage } from './person.ts'
import { type ClientProxy, startProxy } from './proxy.ts'
import { type Service, type Services, startServices } from './services.ts'
import { startTerminals, type Terminal } from './terminal.ts'

/** A frame `ack`, and the client that received it. */
export interface Ack {
  readonly client: string
  readonly room: string
  readonly seq: number
}

export interface Stage {
  readonly checklist: Checklist
  readonly services: Services
  /** The process to which ada’s page, bob’s terminal and the visitor’s page are connected. */
  readonly first: Service
  /** The process to which mia’s page and terminal and the API clients are connected. */
  readonly second: Service
  readonly browser: Browser
  readonly acks: readonly Ack[]
  /** Ada uses the page, bob uses the terminal, and mia uses both. Mia is the moderator, and an administrator as well. */
  readonly ada: PersonPage
  readonly bob: Terminal
  readonly mia: PersonPage
  readonly mias: Terminal
  /**
   * The API clients of mia, ada and bob. Only mia’s client is recorded. The others read what HTTP returns to ada and bob, and
   * one of them deletes a room.
   */
  readonly api: Api
  readonly asAda: Api
  readonly asBob: Api
  idOf(username: string): Promise<number>
  /** Opens a page of another person at the first process. */
  visit(path: string): Promise<PersonPage>
  /** Opens another terminal of a person at the first process. */
  openTerminal(username: string): Promise<Terminal>
  stop(): Promise<void>
}

export const startStage = async (checklist: Checklist): Promise<Stage> => {
  const ends: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end().catch(error => process.stderr.write(`${error}\n`))
  }
  const acks: Ack[] = []

  /** Starts a proxy in front of a process. If the client has a name, records what the client does. */
  const proxyFor = async (service: Service, client?: string): Promise<ClientProxy> => {
    const tick = (item: string | undefined): void => {
      if (item !== undefined && client !== undefined) checklist.tick(item, client)
    }
    const proxy = await startProxy({
      target: () => service.port,
      onResponse: (method, url, status) => status < 300 && tick(itemOfRequest(method, url)),
      onFrame(sender, frame) {
        for (const item of itemsOfFrame(sender, frame)) tick(item)
        if (frame.type === 'ack') acks.push({ client: client ?? '', room: String(frame.room), seq: Number(frame.seq) })
      }
    })
    ends.push(proxy.close)
    return proxy
  }

  try {
    const services = await startServices()
    ends.push(services.stop)
    const [first, second] = [await services.create(), await services.create()]
    const browser = await launchChromium({ isComplete: true })
    ends.push(() => browser.close())
    const terminals = startTerminals()
    ends.push(terminals.stop)
    const direct = `http://127.0.0.1:${second.port}`
    for (const name of ['ada', 'bob', 'mia']) await register(direct, name)
    services.run('users', 'promote', 'mia', '--yes')

    const page = async (username: string, service: Service): Promise<PersonPage> => {
      const opened = await openPage(browser, (await proxyFor(service, `${username}’s page`)).url)
      await opened.logIn(username)
      return opened
    }
    const terminal = async (username: string, service: Service): Promise<Terminal> => {
      const name = `${username}’s terminal`
      const { url } = await proxyFor(service, name)
      const onCommand = (item: string): void => checklist.tick(item, name)
      const opened = await terminals.open({ url, username, password: PASSWORD, onCommand })
      await opened.sees('#general')
      return opened
    }
    const api = createApi((await proxyFor(second, API)).url, 'mia')
    return {
      checklist,
      services,
      first,
      second,
      browser,
      acks,
      ada: await page('ada', first),
      bob: await terminal('bob', first),
      mia: await page('mia', second),
      mias: await terminal('mia', second),
      api,
      asAda: createApi(direct, 'ada'),
      asBob: createApi(direct, 'bob'),
      async idOf(username) {
        const [row] = await services.sql`select id from users where username = ${username}`
        return Number(row?.id)
      },
      visit: async path => openPage(browser, (await proxyFor(first, 'a visitor’s page')).url, path),
      openTerminal: username => terminal(username, first),
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}
