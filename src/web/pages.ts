/** Loads a list page by page. */
import { useEffect, useState } from 'preact/hooks'
import type { Action } from './hooks.ts'

/** A page of a list. `next` is where the next page begins. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: string | number | undefined
}

interface Pages<Item> {
  readonly items: readonly Item[]
  readonly hasMore: boolean
  /** Loads the first page again. */
  reload(): void
  loadMore(): void
  /** Replaces an item of the list. */
  replace(item: Item): void
}

/** Loads the first page when the component is mounted. `load` returns the page that begins at `after`. */
export const usePages = <Item extends { readonly id: unknown }>(
  action: Action,
  load: (after: string | number | undefined) => Promise<Page<Item>>
): Pages<Item> => {
  const [pages, setPages] = useState<Page<Item>>({ items: [], next: undefined })
  const reload = (): void => void action.run(async () => setPages(await load(undefined)))
  useEffect(reload, [])
  return {
    items: pages.items,
    hasMore: pages.next !== undefined,
    reload,
    loadMore: () =>
      void action.run(async () => {
        const { items, next } = await load(pages.next)
        setPages({ items: [...pages.items, ...items], next })
      }),
    replace: item =>
      setPages(before => ({ ...before, items: before.items.map(one => (one.id === item.id ? item : one)) }))
  }
}
