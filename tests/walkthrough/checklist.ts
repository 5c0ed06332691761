/** Records which frames, routes and commands the walkthrough has shown, and which clients showed them. */
import { groups } from './catalog.ts'

export interface Checklist {
  /** Ticks an item. Ignores an item that is not on the list. `by` is the client that was observed. */
  tick(item: string, by: string): void
  isTicked(item: string): boolean
  /** Returns the items that are not ticked. */
  missing(): string[]
  /** Returns the list as text. An item that only the API client has shown is marked with `(API)`. */
  text(): string
}

/** The name of the API client. It does what neither the page nor the terminal client can do. */
export const API = 'API'

export const createChecklist = (): Checklist => {
  const seen = new Map<string, Set<string>>(groups.flatMap(({ items }) => items.map(item => [item, new Set<string>()])))
  const by = (item: string): string[] => [...(seen.get(item) ?? [])].filter(name => name !== API).sort()
  const lineOf = (item: string): string => {
    if (seen.get(item)?.size === 0) return `[ ] ${item}`
    const names = by(item)
    return `[x] ${item} (${names.length === 0 ? API : names.join(', ')})`
  }
  const missing = (): string[] => [...seen].flatMap(([item, names]) => (names.size === 0 ? item : []))
  return {
    tick: (item, name) => void seen.get(item)?.add(name),
    isTicked: item => (seen.get(item)?.size ?? 0) > 0,
    missing,
    text() {
      const parts = groups.map(({ title, items }) => [`\n${title}`, ...items.map(lineOf)].join('\n'))
      const left = missing()
      const onlyApi = [...seen.keys()].filter(item => seen.get(item)?.size && by(item).length === 0).length
      const total = `${seen.size - left.length} of ${seen.size} items ticked, ${onlyApi} of them only by the API client`
      return [...parts, '', left.length === 0 ? total : `${total}. Missing: ${left.join(', ')}`].join('\n')
    }
  }
}
