/**
 * Lists what the walkthrough must show: the frames of the protocol, including those of each kind of entry, the routes of
 * conversations in docs/openapi.json, and the commands in the help of the terminal client.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILT_IN, createKinds } from '../../src/chat/kinds/index.ts'
import { HELP, parseInput } from '../../src/tui/screen/commands.ts'

export type Sender = 'client' | 'service'
type Frame = Readonly<Record<string, unknown>>

const { frames } = createKinds()
const titleOf = (sender: Sender, type: string): string => `frame ${type}${sender === 'client' ? ', sent' : ''}`

interface Schema {
  readonly anyOf?: readonly { readonly const?: string }[]
  readonly properties: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** Maps each kind to the fields that distinguish its entries, such as `event` of a membership, and their values. */
const choices = new Map(
  BUILT_IN.map(({ kind, frame }) => {
    const { properties, required = [] } = frame as unknown as Schema
    const fields = required.flatMap(name => {
      const values = properties[name]?.anyOf?.flatMap(({ const: value }) => value ?? []) ?? []
      return values.length > 0 ? [[name, values] as const] : []
    })
    return [kind, fields]
  })
)

/** The properties of a room that an entry of the kind `room` can change. */
const CHANGES = (() => {
  const common = BUILT_IN.map(({ frame }) => new Set(Object.keys(frame.properties)))
  const { properties = {} } = BUILT_IN.find(({ kind }) => kind === 'room')?.frame ?? {}
  return Object.keys(properties).filter(name => common.filter(names => names.has(name)).length === 1)
})()

const frameItems = (): string[] => [
  ...Object.keys(frames.client).map(type => titleOf('client', type)),
  ...Object.keys(frames.service).map(type => titleOf('service', type)),
  ...[...choices].flatMap(([kind, fields]) =>
    fields.flatMap(([, values]) => values.map(one => `frame ${kind} ${one}`))
  ),
  ...CHANGES.map(name => `frame room ${name}`)
]

/** Returns the items that a frame ticks. */
export const itemsOfFrame = (sender: Sender, frame: Frame): string[] => {
  const type = String(frame.type)
  const chosen = (choices.get(type) ?? []).map(([name]) => `frame ${type} ${frame[name]}`)
  const changed = type === 'room' ? CHANGES.filter(name => name in frame).map(name => `frame room ${name}`) : []
  return [titleOf(sender, type), ...(sender === 'service' ? [...chosen, ...changed] : [])]
}

interface Operation {
  readonly tags?: readonly string[]
}
const document = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.entries(operations).map(([method, { tags = [] }]) => ({
    method: method.toUpperCase(),
    path,
    isOfConversations: tags.includes('rooms') || tags.includes('chat') || path.startsWith('/api/admin/reports'),
    pattern: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
    parameters: path.split('{').length
  }))
)
// Tries paths with fewer parameters first, because a path with more parameters may match the same request.
routes.sort((one, other) => one.parameters - other.parameters)

const routeItem = ({ method, path }: { method: string; path: string }): string =>
  `${method} ${path.replace(/^\/api\/chat/, '')}`

/** Returns the item that a request ticks, or undefined if its route does not belong to conversations. */
export const itemOfRequest = (method: string, url: string): string | undefined => {
  const { pathname } = new URL(url, 'http://localhost')
  const found = routes.find(one => one.method === method && one.pattern.test(pathname))
  return found?.isOfConversations ? routeItem(found) : undefined
}

const commandItems = (): string[] => {
  const names = HELP.join('\n').match(/(?<![\w/#])\/(?:\/text|[a-z]+)/g) ?? []
  // `/text` is not a command, but the message that `//text` sends.
  return [...new Set(names)].filter(name => parseInput(`${name} x`).kind !== 'unknown')
}

export interface Group {
  readonly title: string
  readonly items: readonly string[]
}

export const groups: readonly Group[] = [
  { title: 'Frames', items: frameItems() },
  { title: 'Routes', items: routes.filter(one => one.isOfConversations).map(routeItem) },
  { title: 'Commands of the terminal client', items: commandItems() }
]
