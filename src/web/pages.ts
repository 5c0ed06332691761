/** Loads a list page by page, and runs the actions that change it. */
import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Action } from './hooks.ts'
import { useProtectedAction, type WithProof } from './proof.tsx'

/** A page of a list. `next` is where the next page begins. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next?: string | number | null | undefined
}

/** The parameters of a request that select the page. Empty for the first page. */
export interface After {
  readonly after?: number
}

export interface Pages<Item> {
  readonly items: readonly Item[]
  readonly hasMore: boolean
  readonly isLoading: boolean
  /** The error of the last request for a page, or else of the last action. */
  readonly error: Action['error']
  /** The action of the last `change`. */
  readonly action: Action
  /** The element of the list. */
  readonly list: RefObject<HTMLUListElement>
  /** Loads the first page again. */
  reload(): void
  loadMore(): void
  replace(item: Item): void
  /** Runs an action that removes an item, then reloads. Sets the focus to the list, because the pressed button disappears. */
  change(work: () => Promise<unknown>): void
}

/**
 * Loads the first page when the component is mounted. `load` returns the page that begins at `after`. If the service refuses a
 * call with `proof_required`, `withProof` asks for the password or a passkey and repeats the call.
 */
export const usePages = <Item extends { readonly id: unknown }>(
  load: (after: After) => Promise<Page<Item>>,
  withProof: WithProof = call => call()
): Pages<Item> => {
  const [{ items, next }, setPages] = useState<Page<Item>>({ items: [] })
  const loading = useProtectedAction(withProof)
  const action = useProtectedAction(withProof)
  const list = useRef<HTMLUListElement>(null)
  const latest = useRef(load)
  latest.current = load
  /**
   * The number of requested reloads that have not succeeded. A failed reload still counts, so that it runs again when
   * `withProof` repeats the call.
   */
  const due = useRef(0)
  // Has no effect while an earlier run is in progress. The earlier run also performs the reloads that are requested meanwhile.
  const run = (work?: () => Promise<unknown>): void =>
    void loading.run(async () => {
      await work?.()
      while (due.current > 0) {
        const count = due.current
        setPages(await latest.current({}))
        due.current -= count
      }
    })
  const reload = (): void => {
    due.current++
    run()
  }
  useEffect(reload, [])
  return {
    items,
    hasMore: next != null,
    isLoading: loading.isBusy,
    error: loading.error ?? action.error,
    action,
    list,
    reload,
    loadMore: () =>
      run(async () => {
        const page = await load({ after: next as number })
        setPages({ ...page, items: [...items, ...page.items] })
      }),
    replace: item =>
      setPages(before => ({ ...before, items: before.items.map(one => (one.id === item.id ? item : one)) })),
    change: work =>
      void action.run(async () => {
        await work()
        list.current?.focus()
        reload()
      })
  }
}
