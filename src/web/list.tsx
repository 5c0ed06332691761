/** Renders a list that is loaded page by page, with its error, a sentence if it is empty, and a button to load more. */
import type { ComponentChildren } from 'preact'
import type { Pages } from './pages.ts'
import { Refusal } from './refusal.tsx'

interface ListProps<Item> {
  readonly pages: Pages<Item>
  readonly label?: string
  readonly class?: string
  /** The sentence that is shown if the list is empty. */
  readonly empty: string
  /** Renders an item. */
  readonly children: (item: Item) => ComponentChildren
}

export const List = <Item extends { readonly id: unknown }>(props: ListProps<Item>) => {
  const { pages, label, class: name = '', empty, children } = props
  return (
    <>
      <Refusal error={pages.error} />
      <ul ref={pages.list} class={`entries ${name}`} tabIndex={-1} aria-label={label}>
        {pages.items.map(children)}
      </ul>
      {pages.items.length === 0 && !pages.isLoading && !pages.error && <p class="hint">{empty}</p>}
      {pages.hasMore && (
        <button type="button" class="plain" disabled={pages.isLoading} onClick={pages.loadMore}>
          Show more
        </button>
      )}
    </>
  )
}
