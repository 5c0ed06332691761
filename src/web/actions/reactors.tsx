/** Renders a tooltip with the names of the users who reacted to a message with an emoji. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { place } from './popup.tsx'

interface ReactorsProps {
  readonly id: string
  readonly anchor: HTMLElement
  readonly count: number
  readonly load: () => Promise<readonly string[]>
}

export const Reactors = ({ id, anchor, count, load }: ReactorsProps) => {
  const box = useRef<HTMLDivElement>(null)
  const [names, setNames] = useState<readonly string[]>()
  // `count` is a dependency, so that the names are loaded again when the count changes.
  useEffect(() => {
    let isCurrent = true
    load().then(
      loaded => isCurrent && setNames(loaded),
      () => {}
    )
    return () => {
      isCurrent = false
    }
  }, [count])
  useLayoutEffect(() => {
    if (!names || !box.current) return
    box.current.showPopover()
    place(box.current, anchor)
  }, [names])
  const others = count - (names?.length ?? 0)
  return (
    <div ref={box} id={id} popover="manual" role="tooltip" class="popup tip">
      {names?.map((name, at) => (
        <span key={name}>
          {at > 0 && ', '}
          <bdi>{name}</bdi>
        </span>
      ))}
      {names && others > 0 && ` and ${others} more`}
    </div>
  )
}
